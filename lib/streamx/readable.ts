import { Readable } from 'streamx'
import { release } from '../memory/lease.js'
import { VineyardError } from '../errors.js'
import type { Chunk, ChunkSource } from '../streams/chunk-source.js'
import { defaultHighWaterMark, type ReadStreamOptions } from '../streams/readable.js'
import { Opening } from '../streams/opening.js'
import { destroyOnAbort } from './abort.js'

type Done = (error: Error | null) => void

/** What a streamx Readable is made with. */
interface StreamxReadableOptions extends ReadStreamOptions {
  /** Whether another reader goes on where this one ends. */
  resumable: boolean
}

/** A ChunkSource as a streamx Readable. */
export class StreamxReadable<Out> extends Readable {
  readonly #open: (signal: AbortSignal) => Promise<ChunkSource<Out>>
  readonly #resumable: boolean
  readonly #opening = new Opening()
  readonly #queued: Set<unknown>
  #source: ChunkSource<Out> | undefined
  /** A failure met while reading ahead: streamx discards what is queued when it learns of one. */
  #held: { error: Error; done: Done } | undefined

  constructor(open: (signal: AbortSignal) => Promise<ChunkSource<Out>>, options: StreamxReadableOptions) {
    const queued = new Set<unknown>()
    super({
      highWaterMark: options.highWaterMark ?? defaultHighWaterMark,
      // streamx asks for the size of a chunk when it is queued and again when it is taken: nothing else tells the latter.
      byteLength: chunk => {
        if (!queued.delete(chunk)) queued.add(chunk)
        else if (queued.size === 0) queueMicrotask(() => this.#tellHeldFailure())
        return 1
      }
    })
    this.#open = open
    this.#resumable = options.resumable
    this.#queued = queued
    destroyOnAbort(this, options.signal)
  }

  override _open(done: Done): void {
    const opened = (source: ChunkSource<Out>): void => void (this.#source = source)
    this.#opening.begin(this, this.#open, opened, (error = null) => done(error))
  }

  override _read(done: Done): void {
    this.#opened.nextChunk().then(
      chunk => {
        this.#deliver(chunk, done)
      },
      (error: Error) => this.#fail(error, done)
    )
  }

  /** Ends a read that waits: streamx calls _destroy only after it. */
  override _predestroy(): void {
    this.#held?.done(null)
    this.#held = undefined
    this.#opening.destroyed()
    void this.#source?.close().catch(() => {})
  }

  override _destroy(done: Done): void {
    for (const chunk of this.#queued) release(chunk)
    this.#queued.clear()
    // streamx does not open what is destroyed before. The writer must learn that nobody will read: closing a reader gives
    // the stream up. A resumable one is never given up, and its seat is left to the next reader.
    if (this.#opening.begun || this.#resumable) this.#close(done)
    else this._open(() => this.#close(done))
  }

  #close(done: Done): void {
    this.#opening.settled()
    if (this.#source === undefined) done(null)
    // A failure to close must not hide why the stream ended.
    else this.#source.close().then(() => done(null), done)
  }

  #deliver(chunk: Chunk<Out> | undefined, done: Done): void {
    if (chunk === undefined) {
      this.push(null)
    } else if (this.destroying) {
      release(chunk.value)
    } else if (chunk.value === null || chunk.value === undefined) {
      const message = 'a chunk is null, which a stream cannot carry'
      this.#fail(new VineyardError('ERR_VINEYARD_TYPE', message), done)
      return
    } else {
      this.push(chunk.value)
    }
    done(null)
  }

  #fail(error: Error, done: Done): void {
    // What a read that waits says when it is ended is not why.
    if (this.destroying) done(null)
    else if (this.#queued.size === 0) done(error)
    else this.#held = { error, done }
  }

  #tellHeldFailure(): void {
    const held = this.#held
    this.#held = undefined
    held?.done(held.error)
  }

  /** streamx reads only after it has opened. */
  get #opened(): ChunkSource<Out> {
    return this.#source as ChunkSource<Out>
  }
}
