import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RecordBatch } from 'apache-arrow'
import {
  ByteStream,
  connect,
  DataframeStream,
  RecordBatchStream,
  release,
  type Client,
  type ObjectId
} from 'vineyard-streams'
import type { Chunk, NodeEnds, Place, Work } from '../model.js'
import { startServer, type ServerKind } from '../runner/servers.js'
import { putObjects } from './live-objects.js'

export interface StreamAddress {
  /** Path, or tcp://host:port. */
  server: string
  /** Where the reader connects, if that is elsewhere. */
  reader?: string
  stream: ObjectId
}

const types = { recordbatch: RecordBatchStream, dataframe: DataframeStream, byte: ByteStream }

/** Each Buffer a chunk, and each chunk a Buffer in shared memory. */
const whole = { objectMode: true }

const clients = new Map<string, Promise<Client>>()

/** The streams of a process share a client. */
async function open({ server, stream }: StreamAddress, work: Work): Promise<any> {
  const client = clients.get(server) ?? connect(server)
  clients.set(server, client)
  return types[work.stream].open(await client, stream)
}

/** A server of its own with as many streams as are wanted; with `rpc` both ends reach it over TCP. */
export function streamsOn(
  kind: ServerKind,
  { rpc = false } = {}
): (work: Work) => Promise<Place<StreamAddress>> {
  return async work => {
    const { socket, endpoint, pid, close } = await startServer(kind, { rpc })
    const client = await connect(socket)
    await putObjects(client, work.liveObjects ?? 0)
    const addresses: StreamAddress[] = []
    for (let i = 0; i < (work.streams ?? 1); i += 1) {
      const { id } = await types[work.stream].create(client)
      addresses.push({ server: endpoint ?? socket, stream: id })
    }
    await client.close()
    return { addresses, pid, close }
  }
}

/** This package as its users have it: a core Writable on one side and a core Readable on the other. */
export const nodeStreams: NodeEnds<StreamAddress> = {
  async send(address, chunks, work) {
    const stream = await open(address, work)
    const target = stream.createWriteStream(work.stream === 'byte' ? whole : {})
    await pipeline(Readable.from(chunks, { highWaterMark: 1 }), target)
  },

  async *receive(address, listening, work) {
    const stream = await open({ ...address, server: address.reader ?? address.server }, work)
    const source: AsyncIterable<Chunk> = stream.createReadStream(work.stream === 'byte' ? whole : {})
    listening()
    for await (const chunk of source) {
      yield chunk
      release(chunk as RecordBatch)
    }
  }
}

/** Appends of a writer that are under way at the same time. */
export const underWay = 64

/** This package's lower level: a writer and a reader. */
export const writerAndReader: NodeEnds<StreamAddress> = {
  async send(address, chunks, work) {
    const writer = await (await open(address, work)).openWriter()
    const appends: Promise<unknown>[] = []
    for (const chunk of chunks) {
      appends.push(writer.append(chunk))
      if (appends.length === underWay) await appends.shift()
    }
  },

  async *receive(address, listening, work) {
    const reader = await (await open(address, work)).openReader()
    listening()
    for await (const chunk of reader as AsyncIterable<Chunk>) {
      yield chunk
      release(chunk as RecordBatch)
    }
  }
}
