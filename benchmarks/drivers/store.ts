import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RecordBatch } from 'apache-arrow'
import { ByteStream, connect, RecordBatchStream, release, type Client, type ObjectId } from 'vineyard-streams'
import type { Chunk, NodeEnds, Place, Work } from '../model.js'
import { startServer, type ServerKind } from '../runner/servers.js'

interface Address {
  socket: string
  stream: ObjectId
}

/** Each Buffer a chunk, and each chunk a Buffer in shared memory. */
const whole = { objectMode: true }

function open(client: Client, stream: ObjectId, work: Work): Promise<RecordBatchStream | ByteStream> {
  const type = work.chunks === 'bytes' ? ByteStream : RecordBatchStream
  return type.open(client, stream)
}

/** This package as its users have it: a core Writable on one side and a core Readable on the other. */
export function ours(
  server: ServerKind
): NodeEnds<Address> & { place: (work: Work) => Promise<Place<Address>> } {
  return {
    async place(work) {
      const { socket, close } = await startServer(server)
      const client = await connect(socket)
      const type = work.chunks === 'bytes' ? ByteStream : RecordBatchStream
      const { id } = await type.create(client)
      await client.close()
      return { address: { socket, stream: id }, close }
    },

    async send({ socket, stream }, chunks, work) {
      const client = await connect(socket)
      const options = work.chunks === 'bytes' ? whole : {}
      const target = (await open(client, stream, work)).createWriteStream(options)
      await pipeline(Readable.from(chunks, { highWaterMark: 1 }), target)
    },

    async *receive({ socket, stream }, listening, work) {
      const client = await connect(socket)
      const options = work.chunks === 'bytes' ? whole : {}
      const source = (await open(client, stream, work)).createReadStream(options)
      listening()
      for await (const chunk of source as AsyncIterable<Chunk>) {
        yield chunk
        release(chunk as RecordBatch)
      }
    }
  }
}
