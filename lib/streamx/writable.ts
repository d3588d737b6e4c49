import { Writable } from 'streamx'
import type { ChunkSink } from '../streams/chunk-source.js'
import type { WriteStreamOptions } from '../streams/writable.js'
import { Opening } from '../streams/opening.js'
import { destroyOnAbort } from './abort.js'

type Done = (error: Error | null) => void

/** A ChunkSink as a streamx Writable. Any end other than `end()` fails the stream. */
export class StreamxWritable<In> extends Writable {
  readonly #open: (signal: AbortSignal) => Promise<ChunkSink<In>>
  readonly #opening = new Opening()
  #sink: ChunkSink<In> | undefined

  constructor(open: (signal: AbortSignal) => Promise<ChunkSink<In>>, options: WriteStreamOptions) {
    super({ highWaterMark: options.highWaterMark ?? 1, byteLength: () => 1 })
    this.#open = open
    destroyOnAbort(this, options.signal)
  }

  override _open(done: Done): void {
    const opened = (sink: ChunkSink<In>): void => {
      this.#sink = sink
      // The reader can go away while nothing is being written; the source must be told then too.
      sink.onFailed(error => this.destroy(error))
    }
    this.#opening.begin(this, this.#open, opened, (error = null) => done(error))
  }

  override _write(value: unknown, done: Done): void {
    this.#settle(this.#opened.write(value as In), done)
  }

  override _final(done: Done): void {
    this.#settle(this.#opened.finish(), done)
  }

  /** Ends a write that waits: streamx calls _destroy only after it. */
  override _predestroy(): void {
    this.#opening.destroyed()
    void this.#sink?.close().catch(() => {})
  }

  override _destroy(done: Done): void {
    // streamx does not open what is destroyed before. The reader must learn that nothing will come: closing a writer fails
    // the stream.
    if (this.#opening.begun) this.#close(done)
    else this._open(() => this.#close(done))
  }

  #close(done: Done): void {
    if (this.#sink === undefined) done(null)
    else this.#sink.close().then(() => done(null), done)
  }

  #settle(work: Promise<unknown>, done: Done): void {
    // What a write that waits says when it is ended is not why.
    work.then(
      () => done(null),
      (error: Error) => done(this.destroying ? null : error)
    )
  }

  /** streamx writes only after it has opened. */
  get #opened(): ChunkSink<In> {
    return this.#sink as ChunkSink<In>
  }
}
