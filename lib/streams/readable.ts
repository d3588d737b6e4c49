import { VineyardError } from '../errors.js'
import { release } from '../memory/lease.js'
import type { Origin } from '../memory/lease-account.js'
import {
  argumentError,
  checkOptions,
  isBoolean,
  isHighWaterMark,
  isPositiveDuration,
  isSignal,
  type Checks
} from '../options.js'
import type { Chunk, ChunkSource } from './chunk-source.js'
import type { ReaderOptions } from './reader.js'
import { ReaderReadable } from './reader-readable.js'

/** Two chunks: one being looked at, one ready. Node's 16 would keep half a gigabyte of 32 MiB chunks. */
export const defaultHighWaterMark = 2
/** No further chunk is fetched ahead while unread ones hold this much. */
const readAheadBytes = 64 * 2 ** 20

/** Options of `stream.createReadStream`. */
export interface ReadStreamOptions extends Omit<ReaderOptions, 'signal'> {
  /** Destroys the stream with an AbortError. */
  signal?: AbortSignal | undefined
  /** Chunks that are fetched ahead: 2 by default. For a byte stream bytes, as in every byte-mode Readable. */
  highWaterMark?: number | undefined
  /** Always true, except for a byte stream, where it gives the chunks as they are. */
  objectMode?: boolean | undefined
}

/** A stream's chunks as a core object-mode Readable. Destroying it before its end gives the stream up. */
export class ChunkReadable<Out> extends ReaderReadable<Out> {
  /** The chunks in Node's buffer, oldest first, and before them some that have been read meanwhile. */
  readonly #buffered: Chunk<Out>[] = []
  /** Node asked for a chunk that was not fetched because unread ones hold too much. */
  #owesRead = false

  constructor(
    open: (origin: Origin, signal: AbortSignal) => Promise<ChunkSource<Out>>,
    options: ReadStreamOptions & { resumable: boolean }
  ) {
    super(open, {
      objectMode: true,
      resumable: options.resumable,
      highWaterMark: options.highWaterMark ?? defaultHighWaterMark,
      ...(options.signal === undefined ? {} : { signal: options.signal })
    })
  }

  override _read(): void {
    if (this.#unreadBytes() >= readAheadBytes) {
      this.#owesRead = true
      return
    }
    if (this.#deliverWhatIsHere()) return
    this.reader.nextChunk().then(
      chunk => this.#deliver(chunk),
      (error: unknown) => this.failAfterBuffered(error as Error)
    )
  }

  /** False if there was nothing, so that it has to be waited for. */
  #deliverWhatIsHere(): boolean {
    let delivered = false
    try {
      while (this.#unreadBytes() < readAheadBytes) {
        const chunk = this.reader.tryNextChunk?.()
        if (chunk === undefined) break
        delivered = true
        if (!this.#deliver(chunk)) break
      }
    } catch (error) {
      this.failAfterBuffered(error as Error)
      return true
    }
    return delivered
  }

  override read(size?: number): Out | null {
    // Node goes on with what it has buffered after destroy(), which has released it.
    if (this.destroyed) return null
    const chunk = super.read(size) as Out | null
    if (this.#owesRead && this.#unreadBytes() < readAheadBytes) {
      this.#owesRead = false
      process.nextTick(() => this._read())
    }
    return chunk
  }

  /** Hands a chunk to Node. Whether it takes another one now. */
  #deliver(chunk: Chunk<Out> | undefined): boolean {
    if (this.destroyed) {
      if (chunk !== undefined) release(chunk.value)
      return false
    }
    if (chunk === undefined) return this.push(null)
    if (chunk.value === null || chunk.value === undefined) {
      this.failAfterBuffered(
        new VineyardError('ERR_VINEYARD_TYPE', 'a chunk is null, which a Node stream cannot carry')
      )
      return false
    }
    const before = this.readableLength
    const wantsMore = this.push(chunk.value)
    // In flowing mode a chunk can go straight to the 'data' listeners.
    if (this.readableLength > before) this.#buffered.push(chunk)
    return wantsMore
  }

  /** Nobody can get at what was fetched ahead any more: it goes back now and not when it is collected. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    for (const { value } of this.#unread().splice(0)) release(value)
    super._destroy(error, callback)
  }

  #unread(): Chunk<Out>[] {
    while (this.#buffered.length > this.readableLength) this.#buffered.shift()
    return this.#buffered
  }

  #unreadBytes(): number {
    let sum = 0
    for (const { bytes } of this.#unread()) sum += bytes
    return sum
  }
}

const readerChecks = { signal: isSignal, copy: isBoolean, idleTimeout: isPositiveDuration }
const readStreamChecks = { highWaterMark: isHighWaterMark, objectMode: isBoolean, ...readerChecks }

/** Refuses what a Readable does not know; `further` are options of a stream type, which may then choose its mode. */
export function checkReadStreamOptions(options: ReadStreamOptions, further?: Checks): void {
  checkOptions(options, { ...readStreamChecks, ...further })
  if (further === undefined) requireObjectMode(options.objectMode)
}

/** Refuses what `openReader` does not know. */
export function checkReaderOptions(options: ReaderOptions): void {
  checkOptions(options, readerChecks)
}

/** Node's streams are often told what these are anyway. */
export function requireObjectMode(objectMode: boolean | undefined): void {
  if (objectMode === undefined || objectMode === true) return
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `The "objectMode" option must be true: chunks of this stream are objects. Received ${String(objectMode)}`
  )
}
