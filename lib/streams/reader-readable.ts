import { addAbortSignal, Readable, type ReadableOptions } from 'node:stream'
import { captureOrigin, type Origin } from '../memory/lease-account.js'
import type { ChunkSource } from './chunk-source.js'
import { Opening } from './opening.js'

interface ReaderReadableOptions extends ReadableOptions {
  /** Whether another reader goes on where this one ends. */
  resumable: boolean
}

/** What the two kinds of Readable over a ChunkSource share: opening, closing, and when a failure may show. */
export abstract class ReaderReadable<Out> extends Readable {
  readonly #open: (origin: Origin, signal: AbortSignal) => Promise<ChunkSource<Out>>
  readonly #origin: Origin
  readonly #resumable: boolean
  readonly #opening = new Opening()
  #reader: ChunkSource<Out> | undefined
  /** A failure met while reading ahead, held back: destroying now would discard the chunks before it. */
  #heldError: Error | undefined

  constructor(
    open: (origin: Origin, signal: AbortSignal) => Promise<ChunkSource<Out>>,
    options: ReaderReadableOptions
  ) {
    const { signal, resumable, ...others } = options
    super(others)
    this.#open = open
    this.#resumable = resumable
    this.#origin = captureOrigin()
    // Readable itself would destroy with a signal that has aborted already before there is an object to destroy.
    if (signal !== undefined) addAbortSignal(signal, this)
  }

  override _construct(callback: (error?: Error | null) => void): void {
    // Node constructs what has been destroyed meanwhile all the same. The writer must learn that nobody will read: closing
    // a reader gives the stream up. A resumable one is never given up, and its seat is left to the next reader.
    if (this.destroyed && this.#resumable) {
      this.#opening.settled()
      callback()
      return
    }
    this.#opening.begin(
      this,
      signal => this.#open(this.#origin, signal),
      reader => {
        this.#reader = reader
      },
      error => {
        callback(error)
        // What was asked for meanwhile: Node does not ask again for a stream that reads nothing ahead.
        if (this.readableHighWaterMark === 0) process.nextTick(() => void this.read(0))
      }
    )
  }

  override destroy(error?: Error): this {
    this.#opening.destroyed()
    return super.destroy(error)
  }

  override read(size?: number): any {
    const chunk: unknown = super.read(size)
    // So many bytes as are asked for will never be there.
    const tooFew = chunk === null && size !== undefined && size > 0
    if (this.#heldError !== undefined && (this.readableLength === 0 || tooFew)) {
      const error = this.#heldError
      process.nextTick(() => this.destroy(error))
    }
    return chunk
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#reader === undefined) {
      callback(error)
      return
    }
    // A failure to close must not hide why the stream ended.
    this.#reader.close().then(
      () => callback(error),
      (closeError: unknown) => callback(error ?? (closeError as Error))
    )
  }

  /** Node calls _read only after _construct has called back. */
  protected get reader(): ChunkSource<Out> {
    return this.#reader as ChunkSource<Out>
  }

  /** Destroys the stream when everything before the failure has been read. */
  protected failAfterBuffered(error: Error): void {
    if (this.readableLength === 0) {
      this.destroy(error)
      return
    }
    this.#heldError = error
    // Somebody who waits for more bytes than there are is told to look once more, as at the end of a stream.
    process.nextTick(() => {
      if (!this.destroyed) this.emit('readable')
    })
  }
}
