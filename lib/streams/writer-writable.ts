import { addAbortSignal, Writable, type WritableOptions } from 'node:stream'
import type { ChunkSink } from './chunk-source.js'
import { Opening } from './opening.js'

/** What the two kinds of Writable over a ChunkSink share. Any end other than `end()` fails the stream. */
export abstract class WriterWritable<In> extends Writable {
  readonly #open: (signal: AbortSignal) => Promise<ChunkSink<In>>
  readonly #opening = new Opening()
  #writer: ChunkSink<In> | undefined

  constructor(open: (signal: AbortSignal) => Promise<ChunkSink<In>>, options: WritableOptions) {
    const { signal, ...others } = options
    super(others)
    this.#open = open
    // Writable itself would destroy with a signal that has aborted already before there is an object to destroy.
    if (signal !== undefined) addAbortSignal(signal, this)
  }

  override _construct(callback: (error?: Error | null) => void): void {
    // Node constructs what has been destroyed meanwhile all the same. Its reader must learn that nothing will come: closing
    // a writer fails the stream.
    this.#opening.begin(
      this,
      this.#open,
      writer => {
        this.#writer = writer
        // The reader can go away while nothing is being written; the source must be told then too.
        writer.onFailed(error => this.destroy(error))
      },
      callback
    )
  }

  override destroy(error?: Error): this {
    this.#opening.destroyed()
    return super.destroy(error)
  }

  override _final(callback: (error?: Error | null) => void): void {
    settle(this.#opened.finish(), callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#writer === undefined) {
      callback(error)
      return
    }
    // A failure to close must not hide why the stream ended.
    this.#writer.close().then(
      () => callback(error),
      (closeError: unknown) => callback(error ?? (closeError as Error))
    )
  }

  /** Calls back when the value is on its way: held while the window is full or there is no memory. */
  protected append(value: In, callback: (error?: Error | null) => void): void {
    settle(this.#opened.write(value), callback)
  }

  /** Whether the value could be sent at once. */
  protected tryAppend(value: In): boolean {
    return this.#opened.tryWrite?.(value) ?? false
  }

  /** Node calls _write and _final only after _construct has called back. */
  get #opened(): ChunkSink<In> {
    return this.#writer as ChunkSink<In>
  }
}

function settle(work: Promise<unknown>, callback: (error?: Error | null) => void): void {
  work.then(
    () => callback(),
    (error: unknown) => callback(error as Error)
  )
}
