import { RecordBatchReader, type RecordBatch } from 'apache-arrow'
import { Pull, Push } from 'zeromq'
import { chunkBytes } from '../data/batches.js'
import type { NodeEnds, Work } from '../model.js'
import type { SocketAddress } from './arrow-ipc.js'
import { GatheringWriter } from './gathering-writer.js'

/** ZeroMQ counts messages, a thousand by default, which would be 17 GiB of large ones. */
const queuedBytes = 64 * 2 ** 20
/** Below this the pieces of a batch travel faster as one part than as many. */
const joined = 64 * 1024

function highWaterMark(work: Work): number {
  return Math.min(1000, Math.max(2, Math.floor(queuedBytes / chunkBytes(work))))
}

async function* partsOf(messages: AsyncIterable<Buffer[]>): AsyncGenerator<Uint8Array> {
  for await (const parts of messages) yield* parts
}

/** ZeroMQ's push and pull over a Unix socket, each message a batch in Arrow's streaming format; the schema once. */
export const zeromq: NodeEnds<SocketAddress> = {
  async send({ socket: path }, chunks, work) {
    const socket = new Push({ sendHighWaterMark: highWaterMark(work) })
    socket.connect(`ipc://${path}`)
    const writer = new GatheringWriter()
    for (const chunk of chunks) {
      if (work.stream === 'byte') {
        await socket.send(chunk as Uint8Array)
        continue
      }
      writer.write(chunk as RecordBatch)
      const parts = writer.take()
      const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
      await socket.send(bytes < joined ? Buffer.concat(parts, bytes) : parts)
    }
  },

  async *receive({ socket: path }, listening, work) {
    const socket = new Pull({ receiveHighWaterMark: highWaterMark(work) })
    await socket.bind(`ipc://${path}`)
    listening()
    if (work.stream !== 'byte') yield* await RecordBatchReader.from(partsOf(socket))
    else for await (const [bytes] of socket) yield bytes as Buffer
  }
}
