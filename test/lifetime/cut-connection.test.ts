import { expect } from 'chai'
import { ByteStream, connect, RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { FrameProxy } from '../support/frame-proxy.js'
import { loseConnection } from '../support/lost-connection.js'
import { sentRequests } from '../support/sent-requests.js'
import { rejection } from '../support/rejection.js'
import { holdingsOf, memoryReturns, settled, type Holdings } from '../support/settling.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { needsVineyard, Vineyardd } from '../support/vineyardd.js'

const failed = 'ERR_VINEYARD_STREAM_FAILED'
const lost = 'ERR_VINEYARD_CONNECTION_LOST'

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

/** What an end can lose that its process survives, and nobody closes it: the other end waits for somebody to tell it. */
const losses: Record<string, { lose: (client: Client, proxy: FrameProxy) => void; leaves: number }> = {
  'its client’s connection': { lose: client => loseConnection(client), leaves: 0 },
  // What a writer has noted is for those who come after it has ended.
  'all its connections': { lose: (_client, proxy) => proxy.cut(), leaves: 4096 }
}

describe('An end of a stream on a vineyardd whose process goes on', () => {
  let server: Vineyardd
  let near: Client

  before(async function () {
    needsVineyard(this)
    server = await Vineyardd.start('16Mi', { rpc: true })
    near = await connect(server.socket)
  })
  after(async () => {
    await near?.close()
    await server?.close()
  })

  /** A reader here that has had a chunk and waits for another, of a writer of that client. */
  async function waitingReader(client: Client): Promise<{ next: Promise<unknown>; append: () => unknown }> {
    const stream = await ByteStream.create(near)
    const writer = await (await ByteStream.open(client, stream.id)).openWriter()
    const reader = await stream.openReader()
    await writer.append(Buffer.from('chunk'))
    expect(String((await reader.next()).value)).to.equal('chunk')
    return { next: rejection(reader.next()), append: () => writer.append(Buffer.from('chunk')) }
  }

  /** A writer here that waits for its window, of a reader of that client that has read so many chunks. */
  async function waitingWriter(client: Client, chunks: number): Promise<{ append: Promise<unknown> }> {
    const stream = await ByteStream.create(near)
    const reader = await (await ByteStream.open(client, stream.id)).openReader()
    const writer = await stream.openWriter(near, { window: { chunks: 1 } })
    for (let count = 0; count < chunks; count += 1) {
      await writer.append(Buffer.from('chunk'))
      await reader.next()
    }
    return {
      append: rejection(writer.append(Buffer.from('fits')).then(() => writer.append(Buffer.from('waits'))))
    }
  }

  for (const [what, { lose, leaves }] of Object.entries(losses)) {
    describe(`and has lost ${what}`, () => {
      let client: Client
      let proxy: FrameProxy
      let before: number
      beforeEach(async () => {
        before = (await near.status()).memoryUsage
        proxy = new FrameProxy(server.socket, {})
        client = await connect(proxy.socket)
      })
      afterEach(async () => {
        await client.close()
        proxy.close()
      })

      it('fails its reader, as a writer', async () => {
        const { next, append } = await waitingReader(client)
        lose(client, proxy)
        expect(await next).to.have.property('code', failed)
        expect(await rejection(append() as Promise<unknown>)).to.have.property('code', lost)
        await memoryReturns(near, before + leaves)
      })

      for (const [moment, chunks] of Object.entries({ 'has read': 1, 'has read nothing': 0 })) {
        it(`fails its writer, as a reader that ${moment}`, async () => {
          const { append } = await waitingWriter(client, chunks)
          lose(client, proxy)
          expect(await append).to.have.property('code', failed)
          await memoryReturns(near, before)
        })
      }
    })
  }

  const cuts: Record<string, (proxy: TcpProxy) => void> = {
    'is cut and stays so': proxy => proxy.close(),
    'lets nothing through, and nobody is told': proxy => proxy.silence()
  }
  for (const [what, cut] of Object.entries(cuts)) {
    it(`and whose line ${what}: its peers miss its beats`, async () => {
      const proxy = await TcpProxy.start(server.endpoint as string)
      try {
        const before = (await near.status()).memoryUsage
        const client = await connect(proxy.address, { timeout: 1000 })
        const { next, append: far } = await waitingReader(client)
        const writers = await Promise.all([waitingWriter(client, 1), waitingWriter(client, 0)])
        cut(proxy)
        expect(await next).to.have.property('code', failed)
        for (const { append } of writers) expect(await append).to.have.property('code', failed)
        expect(await rejection(far() as Promise<unknown>)).to.have.property('code', lost)
        await memoryReturns(near, before)
        await client.close()
      } finally {
        proxy.close()
      }
    })
  }

  it('is not taken for dead over TCP while it idles', async () => {
    const client = await connect(server.endpoint)
    const stream = await ByteStream.create(near)
    const writer = await (await ByteStream.open(client, stream.id)).openWriter()
    const reader = await stream.openReader()
    // Longer than beats may be missing.
    await new Promise(resolve => setTimeout(resolve, 6000))
    await writer.append(Buffer.from('chunk'))
    await writer.finish()
    expect(String((await reader.next()).value)).to.equal('chunk')
    expect((await reader.next()).done).to.be.true
    await client.close()
    await stream.drop()
  })
})

/** Servers that clients reach over TCP. */
const endpoints: Record<string, () => Promise<{ socket: string; endpoint: string; close(): Promise<void> }>> =
  {
    'the store': async () => {
      const store = await Store.start({ size: '16Mi', rpc: { port: 0 } })
      return {
        socket: store.socket,
        endpoint: `tcp://${store.rpcEndpoint}`,
        close: () => store.close()
      }
    },
    'vineyardd 0.24.2': async () => {
      const server = await Vineyardd.start('16Mi', { rpc: true })
      return { socket: server.socket, endpoint: server.endpoint as string, close: () => server.close() }
    }
  }

for (const [name, start] of Object.entries(endpoints)) {
  describe(`A client of ${name} over TCP that waits`, () => {
    let server: Awaited<ReturnType<typeof start>>
    let proxy: TcpProxy
    let near: Client
    let far: Client

    beforeEach(async function () {
      if (name !== 'the store') needsVineyard(this)
      server = await start()
      proxy = await TcpProxy.start(server.endpoint)
      near = await connect(server.socket)
      far = await connect(proxy.address, { timeout: 1000 })
    })
    afterEach(async () => {
      await far?.close()
      proxy?.close()
      await near?.close()
      await server?.close()
    })

    it('learns that its server has gone from a tunnel that acknowledges everything', async () => {
      const stream = await ByteStream.create(near)
      const reader = await (await ByteStream.open(far, stream.id)).openReader()
      const asked = Promise.all([
        sentRequests('pull_next_stream_chunk_request'),
        sentRequests('get_name_request', 4)
      ])
      // A name is asked for again and again, and has the timeout of what is asked.
      const timedOut = 'ERR_VINEYARD_TIMEOUT'
      const waits: [Promise<{ code?: string }>, string][] = [
        [rejection(far.getName('never', { wait: true })), timedOut],
        [rejection(ByteStream.open(far, 'never', { wait: true })), timedOut],
        [rejection(reader.next()), lost]
      ]
      await asked
      proxy.silence()
      for (const [wait, code] of waits) expect(await wait).to.have.property('code', code)
    })

    it('waits on for longer than its timeout, where the server answers', async () => {
      const name = far.getName('late', { wait: true })
      await new Promise(resolve => setTimeout(resolve, 3000))
      const id = await near.put([1])
      await near.persist(id)
      await near.putName(id, 'late')
      expect(await name).to.equal(id)
    })
  })
}

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
