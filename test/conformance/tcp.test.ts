import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { Table, tableFromArrays, type RecordBatch } from 'apache-arrow'
import {
  ByteStream,
  connect,
  DataframeStream,
  ParallelStream,
  RecordBatchStream,
  release,
  Store,
  type Client
} from 'vineyard-streams'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { requestTimes } from '../support/request-times.js'
import { memoryReturns } from '../support/settling.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { needsVineyard, Vineyardd } from '../support/vineyardd.js'

interface Server {
  socket: string
  endpoint: string
  close(): Promise<void>
}

const servers: [string, () => Promise<Server>][] = [
  [
    'the store',
    async () => {
      const store = await Store.start({ size: '64Mi', rpc: { port: 0 } })
      return { socket: store.socket, endpoint: `tcp://${store.rpcEndpoint}`, close: () => store.close() }
    }
  ],
  [
    'vineyardd',
    async () => {
      const daemon = await Vineyardd.start('64Mi', { rpc: true })
      return { socket: daemon.socket, endpoint: daemon.endpoint as string, close: () => daemon.close() }
    }
  ]
]

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: any = await promise.then(
    () => undefined,
    (reason: unknown) => reason
  )
  return error?.code ?? 'no error'
}

const { batches } = tableFromArrays({ id: Int32Array.of(1, 2, 3), name: ['a', 'ä', ''] })
const batch = batches[0] as RecordBatch

function rows(value: RecordBatch | Table): string {
  return JSON.stringify(value.toArray())
}

for (const [name, start] of servers) {
  describe(`TCP to ${name}`, () => {
    let server: Server
    const clients: Client[] = []
    const open = async (address: string, options = {}): Promise<Client> => {
      const client = await connect(address, options)
      clients.push(client)
      return client
    }
    before(async function () {
      if (name === 'vineyardd') needsVineyard(this)
      server = await start()
    })
    afterEach(() => Promise.all(clients.splice(0).map(client => client.close())))
    after(() => server?.close())

    for (const compression of [false, true]) {
      it(`puts and gets every kind of value, ${compression ? 'compressed' : 'as it is'}`, async () => {
        const near = await open(server.socket)
        const far = await open(server.endpoint, { compression })
        const before = (await near.status()).memoryUsage
        const values: [unknown, (value: any) => unknown][] = [
          [Buffer.alloc(0), value => value.toString('hex')],
          [Buffer.from('bytes'), value => value.toString('hex')],
          [Buffer.alloc(3 * 2 ** 17, 'ab'), value => value.toString('hex')],
          [Float64Array.of(1, 2.5), value => [...value]],
          [42, Number],
          [2.5, Number],
          ['text', String],
          [true, Boolean],
          [[1, 'a'], value => JSON.stringify(value)],
          [batch, rows],
          [new Table(batches), rows]
        ]
        for (const [value, plain] of values) {
          for (const [from, to] of [
            [far, near],
            [near, far],
            [far, far]
          ] as const) {
            const id = await from.put(value)
            const got = await to.get(id)
            expect(plain(got)).to.deep.equal(plain(value))
            // Over TCP everything is a copy.
            expect(release(got) && to === far).to.be.false
            await to.delete(id)
            expect(await from.exists(id)).to.be.false
          }
        }
        await memoryReturns(near, before)
      })

      it(`carries every type of stream both ways, ${compression ? 'compressed' : 'as it is'}`, async () => {
        const near = await open(server.socket)
        const far = await open(server.endpoint, { compression })
        const before = (await near.status()).memoryUsage
        for (const type of [RecordBatchStream, DataframeStream]) {
          for (const [from, to] of [
            [far, near],
            [near, far],
            [far, far]
          ] as const) {
            const stream = await type.create(from)
            const source = Array.from({ length: 8 }, (_, number) => numberedBatch(number, 300_000))
            const writing = pipeline(
              Readable.from(source),
              stream.createWriteStream({ window: { chunks: 3 } })
            )
            const numbers: number[] = []
            for await (const one of (await to.get(stream.id)).createReadStream()) {
              numbers.push(numberOf(one))
              release(one)
            }
            await writing
            expect(numbers).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7])
            await stream.drop()
          }
        }
        const bytes = await ByteStream.create(far)
        const sent = Array.from({ length: 5 }, (_, number) => Buffer.alloc(200_000, number))
        const writing = pipeline(Readable.from(sent), bytes.createWriteStream())
        const got: Buffer[] = []
        for await (const one of (await far.get(bytes.id)).createReadStream()) got.push(one)
        await writing
        expect(Buffer.concat(got).equals(Buffer.concat(sent))).to.be.true
        await bytes.drop()
        await memoryReturns(near, before)
      })
    }

    it('has names, lists, metadata and a status', async () => {
      const far = await open(server.endpoint)
      const id = await far.put([1, 2])
      await far.persist(id)
      const waiting = far.getName('tcp-name', { wait: true })
      await far.putName(id, 'tcp-name')
      expect(await waiting).to.equal(id)
      expect(await far.getName('tcp-name')).to.equal(id)
      expect(Object.keys(await far.listNames({ pattern: 'tcp-*' }))).to.deep.equal(['tcp-name'])
      await far.dropName('tcp-name')
      expect(await codeOf(far.getName('tcp-name'))).to.equal('ERR_VINEYARD_NOT_FOUND')
      expect((await far.getMeta(id)).typename).to.equal('vineyard::Sequence')
      expect((await far.list({ pattern: 'vineyard::Sequence' })).map(meta => meta.id)).to.include(id)
      expect((await far.status()).rpcConnections).to.be.at.least(1)
      await far.delete(id)
      expect(await codeOf(far.get(id))).to.equal('ERR_VINEYARD_NOT_FOUND')
    })

    it('takes memory that allocate() has given', async () => {
      const far = await open(server.endpoint)
      const stream = await ByteStream.create(far)
      const writer = await stream.openWriter()
      const memory = await writer.allocate(1000)
      memory.fill(7)
      await writer.append(memory)
      expect(memory.length).to.equal(0)
      const reader = await stream.openReader()
      expect((await reader.next()).value?.equals(Buffer.alloc(1000, 7))).to.be.true
      await writer.finish()
      expect(await reader.next()).to.deep.equal({ done: true, value: undefined })
      await stream.drop()
    })

    it('carries small chunks without a delayed acknowledgement between them', async () => {
      const far = await open(server.endpoint)
      const stream = await RecordBatchStream.create(far)
      const times = await requestTimes(async () => {
        const writer = await stream.openWriter()
        for (let number = 0; number < 20; number++) await writer.append(numberedBatch(number, 64))
        await writer.finish()
        const reader = await stream.openReader()
        for await (const one of reader) release(one)
      })
      await stream.drop()
      // Waiting for one takes 40 ms, and happens to half of the requests of a type or to all; what disturbs a machine
      // at times does not happen to so many, where there are many.
      const many = [...times].filter(([, all]) => all.length >= 10)
      expect(many.map(([type]) => type)).to.include('create_remote_buffer_request')
      for (const [type, all] of many) {
        const common = all.sort((a, b) => a - b)[Math.floor(all.length * 0.6)]
        expect(common, `${type}: ${all.map(Math.round).join()}`).to.be.below(30)
      }
    })

    it('waits for memory, and refuses what can never fit', async () => {
      const far = await open(server.endpoint)
      expect(await codeOf(far.put(Buffer.alloc(65 * 2 ** 20)))).to.equal('ERR_VINEYARD_NO_MEMORY')
      const held = await far.put(Buffer.alloc(40 * 2 ** 20))
      const stream = await ByteStream.create(far)
      const writer = await stream.openWriter()
      const appended = writer.append(Buffer.alloc(30 * 2 ** 20))
      await far.delete(held)
      await appended
      await writer.close()
      await stream.drop()
    })

    it('merges and distributes a parallel stream', async () => {
      const far = await open(server.endpoint)
      const group = await ParallelStream.create(far, 2, RecordBatchStream)
      const source = Array.from({ length: 6 }, (_, number) => numberedBatch(number, 1000))
      const writing = pipeline(Readable.from(source), group.createWriteStream())
      const numbers: number[] = []
      for await (const one of (await far.get(group.id)).createReadStream()) numbers.push(numberOf(one))
      await writing
      expect(numbers.sort()).to.deep.equal([0, 1, 2, 3, 4, 5])
      await group.drop()
    })

    it('ends every wait with a code when the line is cut', async () => {
      const proxy = await TcpProxy.start(server.endpoint)
      try {
        const near = await open(server.socket)
        const far = await open(proxy.address)
        const [read, written] = [await ByteStream.create(near), await ByteStream.create(near)]
        const reader = await (await ByteStream.open(far, read.id)).openReader()
        const writer = await (
          await ByteStream.open(far, written.id)
        ).openWriter(far, { window: { chunks: 1 } })
        await writer.append(Buffer.alloc(10))
        const waits = [
          reader.next(),
          writer.append(Buffer.alloc(10)),
          far.getName('nobody puts this', { wait: true })
        ]
        await far.status()
        proxy.silence()
        waits.push(far.put(Buffer.alloc(30 * 2 ** 20)))
        const codes = Promise.all(waits.map(codeOf))
        proxy.cut()
        expect(await codes).to.deep.equal(waits.map(() => 'ERR_VINEYARD_CONNECTION_LOST'))
        expect(await codeOf(far.status())).to.equal('ERR_VINEYARD_CONNECTION_LOST')
        // Another connection goes on.
        const again = await open(proxy.address)
        expect(await again.exists(read.id)).to.be.a('boolean')
        await Promise.all([read.drop(), written.drop()])
      } finally {
        proxy.close()
      }
    })

    it('gives up a server that has fallen silent', async () => {
      const proxy = await TcpProxy.start(server.endpoint)
      try {
        const far = await open(proxy.address, { timeout: 300 })
        proxy.silence()
        expect(await codeOf(far.put(Buffer.alloc(1000)))).to.equal('ERR_VINEYARD_TIMEOUT')
      } finally {
        proxy.close()
      }
    })

    for (const compression of [false, true]) {
      const how = compression ? 'compressed ' : ''

      it(`gives up a server that falls silent between the ${how}bytes of a blob`, async () => {
        const bytes = randomBytes(20 * 2 ** 20)
        const near = await open(server.socket)
        const id = await near.put(bytes)
        for (const call of [(far: Client) => far.put(bytes), (far: Client) => far.get(id)]) {
          const proxy = await TcpProxy.start(server.endpoint)
          try {
            const far = await open(proxy.address, { timeout: 500, compression })
            proxy.silenceAfter(2 ** 20)
            expect(await codeOf(call(far))).to.equal('ERR_VINEYARD_TIMEOUT')
          } finally {
            proxy.close()
          }
        }
        await near.delete(id)
      })
    }

    it('waits for bytes as long as they come, and for the replies behind them', async () => {
      const bytes = Buffer.alloc(4 * 2 ** 20, 'slow')
      const near = await open(server.socket)
      const id = await near.put(bytes)
      // Twice as long as may pass without a byte.
      const proxy = await TcpProxy.start(server.endpoint, 0, bytes.length / 2000)
      try {
        const far = await open(proxy.address, { timeout: 1000 })
        const getting = far.get(id)
        // By then the bytes have been asked for, too.
        await far.getMeta(id)
        const status = far.status()
        expect(bytes.equals(await getting)).to.equal(true)
        await status
        await near.delete(id)
      } finally {
        proxy.close()
      }
    })
  })
}

describe('Streams over TCP that do not wait for their readers', () => {
  it('are read with a count of what was missed, and not written', async () => {
    const store = await Store.start({ size: '4Mi', rpc: { port: 0 } })
    const [near, far] = [await connect(store.socket), await connect(`tcp://${store.rpcEndpoint}`)]
    const stream = await ByteStream.create(near, { consumers: 1, policy: 'drop' })
    const there = await far.get<ByteStream>(stream.id)
    expect(await codeOf(there.openWriter())).to.equal('ERR_VINEYARD_UNSUPPORTED')
    const writer = await stream.openWriter(near, { window: { chunks: 4 } })
    for (let number = 0; number < 50; number += 1) await writer.append(Buffer.from([number]))
    await writer.finish()
    const reader = await there.openReader()
    const read: number[] = []
    for await (const chunk of reader) read.push(chunk[0] as number)
    expect(read).to.deep.equal([46, 47, 48, 49])
    expect(reader.missed).to.equal(46)
    expect(there.stats().chunksMissed).to.equal(46)
    await far.close()
    await near.close()
    await store.close()
  })
})

describe('Connecting over TCP', () => {
  it('takes $VINEYARD_RPC_ENDPOINT where there is no socket', async () => {
    const store = await Store.start({ size: '1Mi', rpc: { port: 0 } })
    const { VINEYARD_IPC_SOCKET: socket, VINEYARD_RPC_ENDPOINT: endpoint } = process.env
    delete process.env['VINEYARD_IPC_SOCKET']
    process.env['VINEYARD_RPC_ENDPOINT'] = store.rpcEndpoint
    try {
      const client = await connect()
      expect(client.address).to.equal(`tcp://${store.rpcEndpoint}`)
      await client.close()
    } finally {
      if (socket !== undefined) process.env['VINEYARD_IPC_SOCKET'] = socket
      if (endpoint === undefined) delete process.env['VINEYARD_RPC_ENDPOINT']
      else process.env['VINEYARD_RPC_ENDPOINT'] = endpoint
      await store.close()
    }
  })

  it('rejects with a code for nobody, a wrong password, silence and an abort', async () => {
    const store = await Store.start({ size: '1Mi', rpc: { port: 0 }, username: 'u', password: 'p' })
    const address = `tcp://${store.rpcEndpoint}`
    expect(await codeOf(connect(address, { username: 'u', password: 'x' }))).to.equal('ERR_VINEYARD_AUTH')
    const client = await connect(address, { username: 'u', password: 'p' })
    await client.close()
    await store.close()
    expect(await codeOf(connect(address))).to.equal('ERR_VINEYARD_CONNECT')
    expect(await codeOf(connect('tcp://'))).to.equal('ERR_INVALID_ARG_VALUE')
    expect(await codeOf(connect('http://127.0.0.1:1'))).to.equal('ERR_VINEYARD_UNSUPPORTED')
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const nobody = `tcp://127.0.0.1:${(silent.address() as AddressInfo).port}`
    expect(await codeOf(connect(nobody, { timeout: 100 }))).to.equal('ERR_VINEYARD_TIMEOUT')
    expect(await codeOf(connect(nobody, { signal: AbortSignal.timeout(50) }))).to.equal('ABORT_ERR')
    silent.close()
  })

  it('logs in to a vineyardd that asks for user name and password', async function () {
    needsVineyard(this)
    const login = { username: 'u', password: 'p' }
    const server = await Vineyardd.start('64Mi', { rpc: true, login })
    try {
      for (const address of [server.socket, server.endpoint as string]) {
        for (const wrong of [{}, { username: 'u', password: 'x' }])
          expect(await codeOf(connect(address, wrong))).to.equal('ERR_VINEYARD_AUTH')
        const client = await connect(address, login)
        expect(await client.get(await client.put([1]))).to.deep.equal([1])
        await client.close()
      }
    } finally {
      await server.close()
    }
  })
})
