import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { RecordBatchReader, type RecordBatch } from 'apache-arrow'
import type { NodeEnds, Place } from '../model.js'
import { socketPath } from '../runner/socket-path.js'
import { GatheringWriter } from './gathering-writer.js'

export interface SocketAddress {
  socket: string
}

/** Arrow's reader is faster on an iterable than on a Node stream, which it reads in pieces of its own. */
async function* buffersOf(socket: Socket): AsyncGenerator<Uint8Array> {
  for await (const buffer of socket) yield buffer as Buffer
}

/** A path that both ends know. */
export async function unixSocket(): Promise<Place<SocketAddress>> {
  const { path, remove } = socketPath()
  return { addresses: [{ socket: path }], close: async () => remove() }
}

/** Arrow's streaming format over a Unix socket: the schema once, one write for each batch, backpressure respected. */
export const arrowIpc: NodeEnds<SocketAddress> = {
  async send({ socket: path }, chunks) {
    const socket = connect(path)
    await once(socket, 'connect')
    const writer = new GatheringWriter()
    for (const batch of chunks) {
      writer.write(batch as RecordBatch)
      let room = true
      socket.cork()
      for (const part of writer.take()) room = socket.write(part)
      socket.uncork()
      if (!room) await once(socket, 'drain')
    }
    socket.end()
  },

  async *receive({ socket: path }, listening) {
    const server = createServer().listen(path)
    await once(server, 'listening')
    listening()
    const [socket] = (await once(server, 'connection')) as [Socket]
    yield* await RecordBatchReader.from(buffersOf(socket))
  }
}
