import type { Origin } from '../memory/lease-account.js'
import type { ByteReadStreamOptions } from './byte-stream.js'
import type { StreamReader } from './reader.js'
import { ReaderReadable } from './reader-readable.js'

/** A byte stream as a core byte-mode Readable. Chunk borders mean nothing in it, so an empty chunk is passed over. */
export class ByteReadable extends ReaderReadable<Buffer> {
  constructor(
    open: (origin: Origin, signal: AbortSignal) => Promise<StreamReader<Buffer>>,
    options: ByteReadStreamOptions & { resumable: boolean }
  ) {
    super(open, {
      resumable: options.resumable,
      ...(options.highWaterMark === undefined ? {} : { highWaterMark: options.highWaterMark }),
      ...(options.encoding === undefined ? {} : { encoding: options.encoding }),
      ...(options.signal === undefined ? {} : { signal: options.signal })
    })
  }

  override _read(): void {
    this.#nextBytes().then(
      bytes => void this.push(bytes),
      (error: unknown) => this.failAfterBuffered(error as Error)
    )
  }

  async #nextBytes(): Promise<Buffer | null> {
    for (;;) {
      const chunk = await this.reader.nextChunk()
      if (chunk === undefined) return null
      if (chunk.value.byteLength > 0) return chunk.value
    }
  }
}
