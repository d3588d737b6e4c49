import { pipeline } from 'node:stream/promises'
import { connect, RecordBatchStream, Store } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'
import { numberedBatch } from '../../support/numbered.js'

/** Ways to come to an end without ending anything. None of them calls process.exit(), but for the one about it. */
const ends: Record<string, (socket: string) => Promise<unknown>> = {
  'a client that does nothing': async socket => connect(socket),

  async 'a stream that was written and read'(socket) {
    const client = await connect(socket)
    const stream = await RecordBatchStream.create(client)
    const writing = pipeline([numberedBatch(0, 4096), numberedBatch(1, 4096)], stream.createWriteStream())
    const kept = await stream.createReadStream().toArray()
    await writing
    return kept
  },

  async 'a reader and a writer that nobody uses'(socket) {
    const stream = await RecordBatchStream.create(await connect(socket))
    const writer = await stream.openWriter()
    await writer.append(numberedBatch(0, 4096))
    return [writer, await stream.openReader()]
  },

  async 'a reader that has read and waits for nothing'(socket) {
    const stream = await RecordBatchStream.create(await connect(socket))
    await (await stream.openWriter()).append(numberedBatch(0, 4096))
    const reader = await stream.openReader()
    return [reader, await reader.next()]
  },

  async 'a read that was given up'(socket) {
    const stream = await RecordBatchStream.create(await connect(socket))
    const reader = await stream.openReader()
    await Promise.allSettled([reader.next({ signal: AbortSignal.timeout(10) })])
    return reader
  },

  async 'a store that was closed'() {
    const store = await Store.start({ size: '1Mi' })
    await tell({ socket: store.socket })
    const client = await connect(store.socket)
    await store.close()
    return client
  },

  async 'a store with unref()'() {
    const store = await Store.start({ size: '1Mi' })
    await tell({ socket: store.socket })
    const client = await connect(store.socket)
    await client.put('something')
    store.unref()
  },

  async 'a store and process.exit()'() {
    const store = await Store.start({ size: '1Mi' })
    await tell({ socket: store.socket })
    process.exit()
  }
}

/** Waits that keep the process alive until they are over. The test ends them when the channel to it is closed. */
const waits: Record<string, (socket: string) => Promise<unknown>> = {
  async 'a read'(socket) {
    const stream = await RecordBatchStream.create(await connect(socket))
    return [stream.id, (await stream.openReader()).next()]
  },
  async 'a read stream'(socket) {
    const stream = await RecordBatchStream.create(await connect(socket))
    return [stream.id, stream.createReadStream().toArray()]
  },
  async 'a write that waits for the window'(socket) {
    const stream = await RecordBatchStream.create(await connect(socket))
    const writer = await stream.openWriter(undefined, { window: { chunks: 1 } })
    await writer.append(numberedBatch(0, 4096))
    return [stream.id, writer.append(numberedBatch(1, 4096))]
  },
  async 'a write that waits for memory'(socket) {
    const stream = await RecordBatchStream.create(await connect(socket))
    const writer = await stream.openWriter(undefined, { window: { chunks: 9, bytes: Infinity } })
    await writer.append(numberedBatch(0, 3 * 2 ** 20))
    return [stream.id, writer.append(numberedBatch(1, 3 * 2 ** 20))]
  },
  async 'a name'(socket) {
    const client = await connect(socket)
    return ['', client.getName('exit/name', { wait: true })]
  }
}

const { socket, way } = await receiveJob<{ socket: string; way: string }>()
if (way in ends) {
  await ends[way]!(socket)
  process.disconnect()
} else {
  const [stream, wait] = (await waits[way]!(socket)) as [string, Promise<unknown>]
  await tell({ stream })
  process.disconnect()
  // Node ends with code 13 if nothing keeps it alive while this waits.
  await wait
}
