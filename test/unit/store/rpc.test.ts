import { once } from 'node:events'
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect } from 'chai'
import { Store } from 'vineyard-streams'
import { parseJson, stringifyJson, type Stringifiable } from '#dist/protocol/json.js'
import { CompressedReceiver, PlainReceiver, sendBlobs } from '#dist/rpc/blob-transfer.js'
import { TcpChannel } from '#dist/rpc/tcp-channel.js'
import { RawClient } from './raw-client.js'
import { blobMember } from './support.js'

/** A TCP client that sends what it is told. */
class TcpClient {
  readonly received: any[] = []
  closed = false
  #wake: () => void = () => {}
  /** Says that bytes follow a frame, before the next one is looked at. */
  #onReply: () => void = () => {}

  private constructor(readonly channel: TcpChannel) {
    channel.start({
      onMessages: messages => {
        for (const message of messages) this.received.push(parseJson(message as string))
        this.#onReply()
        this.#wake()
      },
      onDrain: () => {},
      onClose: () => {
        this.closed = true
        this.#wake()
      }
    })
  }

  static async open(endpoint: string): Promise<TcpClient> {
    const [host, port] = endpoint.split(':')
    const socket = connectTcp(Number(port), host)
    await once(socket, 'connect')
    return new TcpClient(new TcpChannel(socket, 2 ** 30))
  }

  static async connect(endpoint: string, fields: Record<string, Stringifiable> = {}): Promise<TcpClient> {
    const client = await TcpClient.open(endpoint)
    await client.ask('register_request', { store_type: 1, ...fields })
    return client
  }

  send(type: string, fields: Record<string, Stringifiable> = {}): void {
    this.channel.send(stringifyJson({ type, ...fields }))
  }

  async next(): Promise<any> {
    while (this.received.length === 0) {
      if (this.closed) return undefined
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    return this.received.shift()
  }

  async ask(type: string, fields: Record<string, Stringifiable> = {}): Promise<any> {
    this.send(type, fields)
    return this.next()
  }

  async upload(blobs: readonly Buffer[], compressed = false): Promise<any> {
    const sizes = blobs.map(({ length }) => length)
    const goAhead = await this.ask('create_remote_buffers_request', {
      num: sizes.length,
      sizes,
      compress: compressed
    })
    if (goAhead.code !== undefined) return goAhead
    await sendBlobs(
      this.channel,
      blobs.map(blob => [blob]),
      compressed
    )
    return this.next()
  }

  /** The blobs' bytes, and the reply before them. */
  async download(ids: readonly bigint[], sizes: readonly number[], compressed = false): Promise<Buffer[]> {
    const targets = sizes.map(size => Buffer.alloc(size))
    const sink = compressed ? new CompressedReceiver(targets) : new PlainReceiver(targets)
    const numbered = Object.fromEntries(ids.map((id, index) => [String(index), id]))
    const arrived = new Promise<void>(resolve => {
      this.#onReply = () => {
        this.#onReply = () => {}
        this.channel.receiveRaw(sink, resolve)
      }
    })
    this.send('get_remote_buffers_request', { num: ids.length, ...numbered, compress: compressed })
    await arrived
    await this.next()
    return targets
  }

  close(): void {
    this.channel.close()
  }
}

/** Both ends of a connection, and what closes their listener. */
async function tcpPair(): Promise<[Socket, Socket, () => void]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sender = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
  const [receiver] = (await once(server, 'connection')) as [Socket]
  return [sender, receiver, () => void server.close()]
}

/** Bytes that compress somewhat. */
function sample(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size)
  let state = seed + 1
  for (let at = 0; at < size; at += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[at] = at % 3 === 0 ? state >>> 24 : 7
  }
  return bytes
}

describe('RPC of the store', () => {
  let store: Store
  let client: TcpClient
  let endpoint: string
  before(async () => {
    store = await Store.start({ size: '32Mi', rpc: { port: 0 } })
    endpoint = store.rpcEndpoint as string
  })
  beforeEach(async () => {
    client = await TcpClient.connect(endpoint)
  })
  afterEach(() => client.close())
  after(() => store.close())

  it('listens on loopback, and says where', async () => {
    expect(endpoint).to.match(/^127\.0\.0\.1:[0-9]+$/)
    const reply = await client.ask('register_request', { store_type: 1, vineyard_streams: 1 })
    expect(reply).to.include({ rpc_endpoint: endpoint, support_rpc_compression: true })
    // The extension is about shared memory.
    expect(reply).not.to.have.property('vineyard_streams')
    expect((await store.status()).rpcConnections).to.equal(1)
  })

  const sizes = [0, 1, 5000, 131_072, 0, 262_144, 3_000_001]
  for (const compressed of [false, true]) {
    it(`carries blobs both ways, ${compressed ? 'compressed' : 'as they are'}`, async () => {
      const blobs = sizes.map(sample)
      const reply = await client.upload(blobs, compressed)
      expect(reply.type).to.equal('create_buffers_reply')
      expect(reply.payloads.map((payload: any) => payload.data_size)).to.deep.equal(sizes)
      const got = await client.download(reply.ids, sizes, compressed)
      for (const [index, blob] of blobs.entries())
        expect(got[index]?.equals(blob), `blob ${index}`).to.be.true
      await client.ask('del_data_request', { id: reply.ids })
    })
  }

  it('answers with an error, and goes on, where there is no memory', async () => {
    const before = (await store.status()).memoryUsage
    const reply = await client.ask('create_remote_buffers_request', { num: 2, sizes: [1000, 2 ** 30] })
    expect(reply.code).to.equal(41)
    expect((await store.status()).memoryUsage).to.equal(before)
    expect((await client.ask('exists_request', { id: 1 })).exists).to.be.false
  })

  it('takes bytes that came before its go-ahead, behind another request', async () => {
    client.send('exists_request', { id: 1 })
    client.send('create_remote_buffer_request', { size: 10 })
    void client.channel.sendRaw(Buffer.from('0123456789'))
    client.send('exists_request', { id: 2 })
    const types = []
    for (let n = 0; n < 4; n += 1) types.push((await client.next()).type)
    expect(types).to.deep.equal([
      'exists_reply',
      'create_buffer_reply',
      'create_buffer_reply',
      'exists_reply'
    ])
  })

  it('takes in no more than about a megabyte before its go-ahead, and all of it after', async () => {
    const [sender, receiver, close] = await tcpPair()
    const channel = new TcpChannel(receiver, 1000)
    const sink = new PlainReceiver([Buffer.alloc(16 * 2 ** 20)])
    const full = once(receiver, 'pause')
    const texts: unknown[] = []
    const last = new Promise<void>(resolve =>
      channel.start({
        onMessages: ([text]) => {
          texts.push(text)
          if (text === 'bytes follow') channel.suspendFrames()
          else resolve()
        },
        onDrain: () => {},
        onClose: () => {}
      })
    )
    const client = new TcpChannel(sender, 1000)
    client.send('bytes follow')
    void client.sendRaw(Buffer.alloc(16 * 2 ** 20))
    client.send('end')
    await full
    expect(receiver.bytesRead).to.be.within(2 ** 20, 2 * 2 ** 20)
    channel.receiveRaw(sink, () => {})
    await last
    expect(sink.done).to.be.true
    expect(texts).to.deep.equal(['bytes follow', 'end'])
    for (const one of [client, channel]) one.close()
    close()
  })

  it('takes bytes that came long before their turn, and notices the end of one that sends and waits', async () => {
    const [patient, mortal] = [await TcpClient.connect(endpoint), await TcpClient.connect(endpoint)]
    for (const one of [patient, mortal]) {
      one.send('get_name_request', { name: 'early', wait: true })
      one.send('create_remote_buffer_request', { size: 3_000_000 })
      void one.channel.sendRaw(Buffer.alloc(3_000_000))
    }
    while ((await store.status()).deferredRequests < 2);
    mortal.channel.end()
    while ((await store.status()).deferredRequests > 1);
    const { id } = await client.ask('create_data_request', { content: { typename: 'T', instance_id: 0 } })
    await client.ask('persist_request', { id })
    await client.ask('put_name_request', { object_id: id, name: 'early' })
    const types = []
    for (let n = 0; n < 3; n += 1) types.push((await patient.next()).type)
    expect(types).to.deep.equal(['get_name_reply', 'create_buffer_reply', 'create_buffer_reply'])
    await client.ask('drop_name_request', { name: 'early' })
    patient.close()
  })

  it('refuses blobs that are not sealed with 2', async () => {
    const { id } = await client.ask('create_buffer_request', { size: 10 })
    expect((await client.ask('get_remote_buffers_request', { num: 1, 0: id })).code).to.equal(2)
  })

  it('frees what a connection that ends in the middle was sending', async () => {
    const before = (await store.status()).memoryUsage
    await client.ask('create_remote_buffer_request', { size: 5_000_000 })
    await client.channel.sendRaw(Buffer.alloc(1_000_000))
    expect((await store.status()).memoryUsage).to.equal(before + 5_000_000)
    client.close()
    while ((await store.status()).memoryUsage > before);
  })

  for (const [who, fields, survives] of [
    ['who asks for that', { vineyard_streams: 1 }, false],
    ["somebody else, whose field is nobody's business", {}, true]
  ] as const) {
    it(`${survives ? 'keeps' : 'frees'} scoped blobs and objects at the end of the connection of ${who}`, async () => {
      const before = (await store.status()).memoryUsage
      const near = await RawClient.connect(store.socket)
      const one = await TcpClient.connect(endpoint, fields)
      const upload = async (): Promise<bigint> => {
        one.send('create_remote_buffer_request', { size: 10, scoped: true })
        await one.next()
        void one.channel.sendRaw(Buffer.alloc(10))
        return (await one.next()).id
      }
      const scopedObject = async (content = {}): Promise<bigint> => {
        const contents = [{ typename: 'T', instance_id: 0, ...content }]
        return (await one.ask('create_datas_request', { num: 1, contents, scoped: true })).ids[0]
      }
      const member = async (): Promise<object> => ({ data: blobMember(await upload()) })
      const { id: stream } = await near.ask('create_data_request', {
        content: { typename: 'S', instance_id: 0 }
      })
      await near.ask('create_stream_request', { object_id: stream })
      const pushed = [await upload(), await scopedObject(await member())]
      for (const chunk of pushed) await one.ask('push_next_stream_chunk_request', { id: stream, chunk })
      const { id: owner } = await one.ask('create_data_request', {
        content: { typename: 'T', instance_id: 0, ...(await member()) }
      })
      const persisted = await scopedObject()
      await one.ask('persist_request', { id: persisted })
      const left = [await upload(), await scopedObject(await member())]
      const { rpcConnections } = await store.status()
      one.close()
      while ((await store.status()).rpcConnections === rpcConnections);
      const existing = async (ids: readonly bigint[]): Promise<boolean[]> => {
        const found: boolean[] = []
        for (const id of ids) found.push((await near.ask('exists_request', { id })).exists)
        return found
      }
      expect(await existing([...pushed, owner, persisted])).to.deep.equal([true, true, true, true])
      expect(await existing(left)).to.deep.equal([survives, survives])
      await near.ask('drop_stream_request', { id: stream })
      await near.ask('del_data_request', { id: [stream, owner, persisted, ...left] })
      near.close()
      expect((await store.status()).memoryUsage).to.equal(before)
    })
  }

  it('does not take what is scoped and uploaded for memory that could be given up', async () => {
    const before = (await store.status()).memoryUsage
    const one = await TcpClient.connect(endpoint, { vineyard_streams: 1 })
    await one.ask('create_remote_buffer_request', { size: 10_000_000, scoped: true })
    // At once, and without an event that this connection would take for a reply.
    expect((await client.ask('create_buffer_request', { size: 2 ** 25 - 1000 })).code).to.equal(41)
    void one.channel.sendRaw(Buffer.alloc(10_000_000))
    expect((await one.next()).type).to.equal('create_buffer_reply')
    one.close()
    while ((await store.status()).memoryUsage > before);
  })

  it('does not write into memory that somebody has freed', async () => {
    const other = await RawClient.connect(store.socket)
    const { id } = await client.ask('create_remote_buffer_request', { size: 1000 })
    await other.ask('drop_buffer_request', { id })
    // The memory of a blob that is being filled stays until it is full.
    expect((await store.status()).memoryUsage).to.be.at.least(1000)
    void client.channel.sendRaw(Buffer.alloc(1000, 1))
    expect((await client.next()).code).to.equal(12)
    other.channel.close()
  })

  it('cuts off who sends something else than zstd', async () => {
    await client.ask('create_remote_buffer_request', { size: 1000, compress: true })
    const piece = Buffer.alloc(108, 9)
    piece.writeBigUInt64LE(100n)
    void client.channel.sendRaw(piece)
    expect(await client.next()).to.equal(undefined)
    expect((await (await TcpClient.connect(endpoint)).ask('exists_request', { id: 1 })).exists).to.be.false
  })

  it('takes only short frames from a stranger', async () => {
    const stranger = await TcpClient.open(endpoint)
    stranger.send('register_request', { username: 'x'.repeat(70_000) })
    expect(await stranger.next()).to.equal(undefined)
    expect((await client.ask('put_name_request', { object_id: 1, name: 'x'.repeat(70_000) })).code).to.equal(
      12
    )
  })

  it('refuses a wrong password with 34', async () => {
    const guarded = await Store.start({ size: '1Mi', rpc: { port: 0 }, username: 'u', password: 'p' })
    const stranger = await TcpClient.open(guarded.rpcEndpoint as string)
    const wrong = await stranger.ask('register_request', { store_type: 1, username: 'u', password: 'q' })
    expect(wrong.code).to.equal(34)
    const right = await stranger.ask('register_request', { store_type: 1, username: 'u', password: 'p' })
    expect(right.type).to.equal('register_reply')
    stranger.close()
    await guarded.close()
  })

  it('holds the sender of a large blob back, instead of queueing it', async () => {
    const large = Buffer.alloc(2 ** 30)
    // A server that reads nothing takes what the system buffers.
    const silent = createServer(socket => void socket.pause()).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const socket = connectTcp((silent.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    const channel = new TcpChannel(socket, 1000)
    const sending = sendBlobs(channel, [[large]], false)
    await new Promise(resolve => setImmediate(resolve))
    expect(channel.queued).to.be.within(1, 2 * 2 ** 20)
    channel.close()
    await sending
    silent.close()
  })

  it('does not carry blobs over a Unix socket', async () => {
    const ipc = await RawClient.connect(store.socket)
    expect((await ipc.ask('create_remote_buffer_request', { size: 10 })).code).to.equal(6)
    ipc.channel.close()
  })
})
