/**
 * The flavours of streams for streamx: `import { createReadStream } from 'vineyard-streams/streamx'`. An entry of its own,
 * because it needs the package streamx (an optional peer dependency), which most users do not have.
 *
 * @module
 */
import type { Readable, Writable } from 'streamx'
import { checkStream } from '../options.js'
import { checkReadStreamOptions, type ReadStreamOptions } from '../streams/readable.js'
import { readAhead } from '../streams/sharing.js'
import type { VineyardStream } from '../streams/stream.js'
import { checkWriteStreamOptions, type WriteStreamOptions } from '../streams/writable.js'
import { StreamxReadable } from './readable.js'
import { StreamxWritable } from './writable.js'

/**
 * The chunks of a stream as a streamx Readable: one chunk for each object that was pushed, for a ByteStream too. The same
 * promises as those of `stream.createReadStream()`: chunks stay intact until they are released, a failure shows after
 * what came before it has been read, destroying it before its end gives the stream up. `highWaterMark` counts chunks, 2
 * by default. Throws ERR_INVALID_ARG_TYPE for what is no stream, such as a group of streams.
 */
export function createReadStream<Out>(
  stream: VineyardStream<any, Out, any>,
  options: ReadStreamOptions = {}
): Readable & AsyncIterable<Out> {
  checkStream(stream)
  checkReadStreamOptions(options)
  const { copy, idleTimeout } = options
  const open = (signal: AbortSignal): ReturnType<typeof stream.openReader> =>
    stream.openReader(undefined, { copy, idleTimeout, signal })
  return new StreamxReadable<Out>(open, readAhead(options, [stream])) as StreamxReadable<Out> &
    AsyncIterable<Out>
}

/**
 * A streamx Writable, each written value a chunk; the promises are those of `stream.createWriteStream()`, and so are the
 * options. `highWaterMark` counts chunks, 1 by default. Throws ERR_INVALID_ARG_TYPE for what is no stream, such as a group.
 */
export function createWriteStream<In, Options extends WriteStreamOptions>(
  stream: VineyardStream<In, any, Options>,
  options: Options = {} as Options
): Writable {
  checkStream(stream)
  checkWriteStreamOptions(options, stream.writerOptions)
  const { signal: _, highWaterMark: __, objectMode: ___, ...forWriter } = options
  const open = (ending: AbortSignal): ReturnType<typeof stream.openWriter> =>
    stream.openWriter(undefined, { ...forWriter, signal: ending } as unknown as Options)
  return new StreamxWritable<In>(open, options)
}
