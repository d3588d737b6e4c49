import { WriterWritable } from './writer-writable.js'
import type { ByteWriteStreamOptions } from './byte-stream.js'
import type { StreamWriter } from './writer.js'

/** One write as Node hands it to _writev. */
interface Written {
  chunk: Uint8Array
}

/**
 * A byte stream as a core byte-mode Writable. What comes while a chunk is under way is gathered into the next one, up to
 * `chunkSize`; when the source pauses nothing is under way, so that a line of text is sent at once.
 */
export class ByteWritable extends WriterWritable<readonly Uint8Array[]> {
  constructor(
    open: (signal: AbortSignal) => Promise<StreamWriter<readonly Uint8Array[]>>,
    options: ByteWriteStreamOptions & { chunkSize: number }
  ) {
    super(open, {
      // Gathering happens in Node's buffer: it must be able to hold a whole chunk.
      highWaterMark: options.highWaterMark ?? options.chunkSize,
      ...(options.signal === undefined ? {} : { signal: options.signal })
    })
  }

  override _write(
    chunk: Uint8Array,
    _encoding: BufferEncoding,
    callback: (error?: Error | null) => void
  ): void {
    this.append([chunk], callback)
  }

  override _writev(chunks: Written[], callback: (error?: Error | null) => void): void {
    this.append(
      chunks.map(({ chunk }) => chunk),
      callback
    )
  }
}
