import { once } from 'node:events'
import { connect as connectSocket, createServer, type Socket } from 'node:net'
import { ByteStream, connect, release, type ObjectId } from 'vineyard-streams'
import type { Place } from '../model.js'
import { startServer } from '../runner/servers.js'
import { unixSocket, type SocketAddress } from './arrow-ipc.js'

/** Something that is sent to another process and comes back. */
export interface EchoDriver<T = any> {
  title: string
  place: () => Promise<Place<T>>
  /** What the other process does; without it a server answers. Calls `listening` when it may be spoken to. */
  answer?: (address: T, bytes: number, listening: () => void) => Promise<void>
  /** Returns what goes there and back once. If that answers a number, it is the time in µs that counts. */
  open: (address: T, bytes: number) => Promise<() => Promise<unknown>>
}

/** Calls back for every `bytes` bytes that have arrived. */
function onWhole(socket: Socket, bytes: number, whole: () => void): void {
  let arrived = 0
  socket.on('data', data => {
    arrived += data.length
    if (arrived < bytes) return
    arrived -= bytes
    whole()
  })
}

const net: EchoDriver<SocketAddress> = {
  title: 'bare Node socket',
  place: unixSocket,
  async answer({ socket: path }, bytes, listening) {
    const message = Buffer.alloc(bytes, 1)
    const server = createServer(socket => onWhole(socket, bytes, () => socket.write(message))).listen(path)
    await once(server, 'listening')
    listening()
  },
  async open({ socket: path }, bytes) {
    const message = Buffer.alloc(bytes, 1)
    const socket = connectSocket(path)
    await once(socket, 'connect')
    let answered: () => void = () => {}
    onWhole(socket, bytes, () => answered())
    return () =>
      new Promise<void>(resolve => {
        answered = resolve
        socket.write(message)
      })
  }
}

interface StreamPair {
  socket: string
  there: ObjectId
  back: ObjectId
}

/** Sends a chunk with the time it is sent at, and answers how long it was under way, in µs, which its answer says. */
async function openPair({ socket, there, back }: StreamPair, bytes: number): Promise<() => Promise<number>> {
  const client = await connect(socket)
  const writer = await (await ByteStream.open(client, there)).openWriter()
  const reader = await (await ByteStream.open(client, back)).openReader()
  const message = Buffer.alloc(bytes, 1)
  return async () => {
    message.writeBigInt64LE(process.hrtime.bigint())
    const [answer] = await Promise.all([reader.next(), writer.append(message)])
    const underWay = Number((answer.value as Buffer).readBigInt64LE()) / 1000
    release(answer.value)
    return underWay
  }
}

/** A chunk through one stream of the store, and its answer through another. */
const chunks: EchoDriver<StreamPair> = {
  title: 'this package, chunks',
  async place() {
    const { socket, close } = await startServer('store')
    const client = await connect(socket)
    const [there, back] = [await ByteStream.create(client), await ByteStream.create(client)]
    await client.close()
    return { addresses: [{ socket, there: there.id, back: back.id }], close }
  },
  async answer({ socket, there, back }, bytes, listening) {
    const client = await connect(socket)
    const reader = await (await ByteStream.open(client, there)).openReader()
    const writer = await (await ByteStream.open(client, back)).openWriter()
    const message = Buffer.alloc(bytes, 1)
    listening()
    for await (const chunk of reader as AsyncIterable<Buffer>) {
      // The processes of a machine have this clock in common.
      message.writeBigInt64LE(process.hrtime.bigint() - chunk.readBigInt64LE())
      release(chunk)
      await writer.append(message)
    }
  },
  async open(address, bytes) {
    const send = await openPair(address, bytes)
    return async () => {
      await send()
    }
  }
}

/** The same, of which the way there counts: from before `append` to where the reader has the chunk. */
const oneWay: EchoDriver<StreamPair> = { ...chunks, title: 'this package, one way', open: openPair }

/** A small request to the store and its reply. */
const request: EchoDriver<SocketAddress> = {
  title: 'this package, a request',
  async place() {
    const { socket, close } = await startServer('store')
    return { addresses: [{ socket }], close }
  },
  async open({ socket }) {
    const client = await connect(socket)
    const id = await client.put(1)
    return () => client.exists(id)
  }
}

/** Everything that is compared. */
export const echoes = { net, chunks, oneWay, request }

export type EchoName = keyof typeof echoes
