import { expect } from 'chai'
import { ByteStream, connect, RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { FrameProxy } from '../support/frame-proxy.js'
import { rejection } from '../support/rejection.js'
import { holdingsOf, memoryReturns, settled, type Holdings } from '../support/settling.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { needsVineyard, Vineyardd } from '../support/vineyardd.js'

/** How many times each of these answers is what a chunk's producer waits for: three columns, their objects, the batch. */
const answers: [type: string, nth: number][] = [
  ['seal_reply', 1],
  ['seal_reply', 3],
  ['create_datas_reply', 1],
  ['create_datas_reply', 2]
]

describe('A writer that loses its own connection to a vineyardd', () => {
  let server: Vineyardd
  let proxy: FrameProxy
  let client: Client
  let observer: Client
  /** Counts down with each answer of that type, and ends the connection instead of passing on the last. */
  let cut: { type: string; left: number } | undefined

  before(async function () {
    needsVineyard(this)
    server = await Vineyardd.start('16Mi')
    observer = await connect(server.socket)
    proxy = new FrameProxy(server.socket, {
      reply: text => {
        if (cut === undefined || !text.includes(`"type":"${cut.type}"`)) return text
        cut.left -= 1
        if (cut.left > 0) return text
        cut = undefined
        return null
      }
    })
    client = await connect(proxy.socket)
  })
  after(async () => {
    await client?.close()
    proxy?.close()
    await observer?.close()
    await server?.close()
  })

  for (const [type, nth] of answers) {
    it(`leaves nothing of the chunk that it was making: instead of ${type} number ${nth}`, async () => {
      const stream = await RecordBatchStream.create(client)
      const writer = await stream.openWriter()
      const reader = await stream.openReader()
      await writer.append(seedBatch(0, 1000))
      cut = { type, left: nth }
      expect(await rejection(writer.append(seedBatch(1, 1000)))).to.have.property(
        'code',
        'ERR_VINEYARD_CONNECTION_LOST'
      )
      await writer.close()
      const first = await reader.next()
      expect(first.value?.numRows).to.equal(1000)
      release(first.value)
      expect(await rejection(reader.next())).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
      await reader.close()
      await stream.drop()
      await memoryReturns(observer, 0)
    })
  }

  it('leaves nothing of the memory that it had handed out', async () => {
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    await writer.allocate(10_000)
    cut = { type: 'seal_reply', left: 1 }
    await rejection(writer.append(seedBatch(1, 1000)))
    await writer.close()
    await memoryReturns(observer, 0)
    await stream.drop()
  })
})

/** The same over TCP, where the line is cut before the store gets so many of these requests: three columns, their objects, the push. */
const requests: [type: string, nth: number][] = [
  ['create_remote_buffer_request', 3],
  ['create_datas_request', 1],
  ['create_datas_request', 2],
  ['push_next_stream_chunk_request', 1]
]

describe('A client over TCP that loses its line to the store', () => {
  let store: Store
  let proxy: TcpProxy
  let near: Client
  let far: Client
  let before: Holdings

  beforeEach(async () => {
    store = await Store.start({ size: '16Mi', rpc: { port: 0 } })
    proxy = await TcpProxy.start(`tcp://${store.rpcEndpoint}`)
    near = await connect(store.socket)
    before = await holdingsOf(store)
    far = await connect(proxy.address)
  })
  afterEach(async () => {
    await Promise.all([far?.close(), near?.close()])
    proxy?.close()
    await store?.close()
  })

  const kinds = [
    { Type: RecordBatchStream, chunk: (seed: number) => seedBatch(seed, 1000), cuts: requests },
    { Type: ByteStream, chunk: (seed: number) => Buffer.alloc(1000, seed), cuts: requests.slice(3) }
  ]
  for (const { Type, chunk, cuts } of kinds) {
    for (const [type, nth] of cuts) {
      it(`leaves nothing as the writer of a ${Type.name}: before ${type} number ${nth} of a chunk`, async () => {
        const stream = await Type.create(near)
        const writer = await (await far.get(stream.id)).openWriter()
        const reader = await stream.openReader()
        await writer.append(chunk(0))
        proxy.cutAt(`"${type}"`, nth)
        expect(await rejection(writer.append(chunk(1)))).to.have.property(
          'code',
          'ERR_VINEYARD_CONNECTION_LOST'
        )
        await writer.close()
        release((await reader.next()).value)
        expect(await rejection(reader.next())).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
        await reader.close()
        await stream.drop()
        await settled(store, before)
      })
    }
  }

  it('leaves what it has put, and what readers have not taken yet', async () => {
    const stream = await ByteStream.create(near)
    const writer = await (await far.get(stream.id)).openWriter()
    await writer.append(Buffer.from('chunk'))
    const ids = [await far.put(Buffer.from('bytes')), await far.put(seedBatch(0, 10))]
    proxy.cut()
    await far.close()
    const reader = await stream.openReader()
    expect((await reader.next()).value?.toString()).to.equal('chunk')
    expect(await rejection(reader.next())).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
    await reader.close()
    const [bytes, batch] = await Promise.all(ids.map(id => near.get(id)))
    expect(String(bytes)).to.equal('bytes')
    expect(batch).to.have.property('numRows', 10)
  })
})
