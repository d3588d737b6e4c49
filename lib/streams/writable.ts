import {
  checkOptions,
  isBoolean,
  isHighWaterMark,
  isPositiveDuration,
  isSignal,
  type Checks
} from '../options.js'
import { requireObjectMode } from './readable.js'
import { isWindow } from './window.js'
import { WriterWritable } from './writer-writable.js'
import type { ChunkSink } from './chunk-source.js'
import type { WriterOptions } from './writer.js'

/** Options of `stream.createWriteStream`. */
export interface WriteStreamOptions extends Omit<WriterOptions, 'signal'> {
  /** Destroys the stream with an AbortError, which fails it for its reader. */
  signal?: AbortSignal | undefined
  /** Chunks that `write` takes before it returns false: 1 by default. For a byte stream bytes. */
  highWaterMark?: number | undefined
  /** Always true, except for a byte stream, where it makes each Buffer a chunk. */
  objectMode?: boolean | undefined
}

/**
 * The producing end of a stream as a core object-mode Writable. The callback of a write is held while the window is full
 * or the server has no memory. 'finish' means that the server has everything, not that it was consumed.
 */
export class ChunkWritable<In> extends WriterWritable<In> {
  constructor(open: (signal: AbortSignal) => Promise<ChunkSink<In>>, options: WriteStreamOptions) {
    super(open, {
      objectMode: true,
      highWaterMark: options.highWaterMark ?? 1,
      ...(options.signal === undefined ? {} : { signal: options.signal })
    })
  }

  override _write(chunk: In, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    let written: boolean
    try {
      written = this.tryAppend(chunk)
    } catch (error) {
      callback(error as Error)
      return
    }
    if (written) callback()
    else this.append(chunk, callback)
  }
}

const writerChecks = { signal: isSignal, window: isWindow, idleTimeout: isPositiveDuration }
const writeStreamChecks = { highWaterMark: isHighWaterMark, objectMode: isBoolean, ...writerChecks }

/** Refuses what a Writable does not know. `further` are options of the stream type's writers. */
export function checkWriteStreamOptions(options: WriteStreamOptions, further: Checks): void {
  checkOptions(options, { ...writeStreamChecks, ...further })
  if (!('objectMode' in further)) requireObjectMode(options.objectMode)
}

/** Refuses what `openWriter` does not know. */
export function checkWriterOptions(options: WriterOptions, further: Checks): void {
  checkOptions(options, { ...writerChecks, ...further })
}
