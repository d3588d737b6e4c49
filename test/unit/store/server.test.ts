import { expect } from 'chai'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { native } from '#dist/native.js'
import { StoreServer } from '#dist/store/server.js'
import { frame } from '../../support/frame.js'
import { RawClient } from './raw-client.js'
import { MiB } from './support.js'

function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** Sends bytes over a plain socket and answers what comes back until the server closes, or has been silent for a while. */
function exchange(socket: string, bytes: Buffer, silence = 200): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const connection = createConnection(socket, () => connection.write(bytes))
    const done = (closed: boolean): void => {
      connection.destroy()
      resolve({ text: Buffer.concat(chunks).toString(), closed })
    }
    connection.setTimeout(silence, () => done(false))
    connection.on('data', data => chunks.push(data))
    connection.on('end', () => done(true))
    connection.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? done(true) : reject(error)
    )
  })
}

describe('StoreServer', () => {
  let server: StoreServer

  beforeEach(async () => {
    server = await StoreServer.start({ size: '16Mi' })
  })

  afterEach(() => server.close({ drain: 0 }))

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await delay(5)
  }

  describe('socket', () => {
    it('is private, in a private directory', () => {
      expect(statSync(server.socket).mode & 0o777).to.equal(0o600)
      expect(statSync(dirname(server.socket)).mode & 0o777).to.equal(0o700)
    })

    it('is removed with its directory', async () => {
      await server.close()
      expect(existsSync(dirname(server.socket))).to.equal(false)
    })

    it('is not taken from a server that is alive', async () => {
      const error: any = await StoreServer.start({ socket: server.socket }).catch((e: unknown) => e)
      expect(error.code).to.equal('ERR_VINEYARD_EXISTS')
      expect(await RawClient.connect(server.socket)).to.be.an('object')
    })

    it('replaces one that nobody listens on', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'store-test-'))
      const socket = join(directory, 'a.sock')
      native
        .listen(
          socket,
          1,
          1000,
          () => {},
          () => {}
        )
        .close()
      expect(existsSync(socket)).to.equal(true)
      const other = await StoreServer.start({ socket, size: '1Mi' })
      const client = await RawClient.connect(socket)
      client.close()
      await other.close()
      rmSync(directory, { recursive: true })
    })

    it('is not removed if it belongs to another server by then', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'store-test-'))
      const socket = join(directory, 'a.sock')
      const first = await StoreServer.start({ socket, size: '1Mi' })
      rmSync(socket)
      const second = await StoreServer.start({ socket, size: '1Mi' })
      await first.close()
      expect(existsSync(socket)).to.equal(true)
      await second.close()
      expect(existsSync(socket)).to.equal(false)
      rmSync(directory, { recursive: true })
    })

    it('never replaces a file', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'store-test-'))
      const socket = join(directory, 'a.txt')
      writeFileSync(socket, 'precious')
      const error: any = await StoreServer.start({ socket }).catch((e: unknown) => e)
      expect(error.code).to.equal('ERR_VINEYARD_EXISTS')
      expect(existsSync(socket)).to.equal(true)
      rmSync(directory, { recursive: true })
    })

    it('leaves nothing behind when it cannot be made', async () => {
      const before = descriptors()
      for (const socket of ['/nonexistent/a.sock', `/tmp/${'x'.repeat(200)}`]) {
        const error: any = await StoreServer.start({ socket }).catch((e: unknown) => e)
        expect(error.code).to.be.oneOf(['ERR_VINEYARD_SERVER', 'ERR_OUT_OF_RANGE'])
      }
      expect(descriptors()).to.equal(before)
    })
  })

  it('shares its memory', async () => {
    const client = await RawClient.connect(server.socket)
    client.send('create_buffers_request', { sizes: [100, 200] })
    const reply = await client.next()
    const fd = await client.next()
    const mapping = native.map(fd, reply.payloads[0].map_size - 8, true)
    new Uint8Array(mapping.view(reply.payloads[1].data_offset, 200)).fill(7)
    const other = await RawClient.connect(server.socket)
    for (const id of reply.ids) client.send('seal_request', { object_id: id })
    await client.next()
    await client.next()
    other.send('get_buffers_request', { ids: reply.ids })
    const found = await other.next()
    const second = native.map(await other.next(), found.payloads[1].map_size - 8, false)
    expect(new Uint8Array(second.view(found.payloads[1].data_offset, 200))[199]).to.equal(7)
    expect((await other.ask('get_buffers_request', { ids: reply.ids })).fds).to.deep.equal([])
    for (const m of [mapping, second]) m.close()
    for (const c of [client, other]) c.close()
  })

  it('answers pipelined requests in order', async () => {
    const client = await RawClient.connect(server.socket)
    for (let i = 0; i < 2000; i += 1)
      client.send(i % 2 ? 'exists_request' : 'debug_command', { id: i, debug: null })
    for (let i = 0; i < 2000; i += 1) {
      expect((await client.next()).type).to.equal(i % 2 ? 'exists_reply' : 'debug_reply')
    }
    client.close()
  })

  it('queues what comes behind a request that waits', async () => {
    const client = await RawClient.connect(server.socket)
    client.send('get_name_request', { name: 'n', wait: true })
    for (let i = 0; i < 5000; i += 1) client.send('exists_request', { id: i })
    const other = await RawClient.connect(server.socket)
    const { id } = await other.ask('create_data_request', { content: { typename: 'T', instance_id: 0 } })
    await other.ask('persist_request', { id })
    await other.ask('put_name_request', { object_id: id, name: 'n' })
    expect((await client.next()).type).to.equal('get_name_reply')
    for (let i = 0; i < 5000; i += 1) expect((await client.next()).type).to.equal('exists_reply')
    for (const c of [client, other]) c.close()
  })

  for (const [what, count] of [
    ['nothing', 0],
    ['more than it reads ahead', 5000]
  ] as const) {
    it(`notices the death of a waiting peer that has queued ${what}`, async () => {
      const client = await RawClient.connect(server.socket)
      client.send('get_name_request', { name: 'never', wait: true })
      for (let i = 0; i < count; i += 1) client.send('exists_request', { id: i })
      await until(() => server.status().deferredRequests === 1)
      client.close()
      await until(() => server.status().ipcConnections === 0)
      expect(server.status().deferredRequests).to.equal(0)
    })
  }

  it('does not handle what is queued behind a wait within the request that ends the wait', async () => {
    const [reader, writer] = [await RawClient.connect(server.socket), await RawClient.connect(server.socket)]
    const id = 77n
    await writer.ask('create_stream_request', { object_id: id })
    reader.send('pull_next_stream_chunk_request', { id })
    reader.send('drop_stream_request', { id })
    expect((await writer.ask('get_next_stream_chunk_request', { id, size: 8 })).code).to.equal(undefined)
    // This publishes the first, which ends the wait, and then the empty one, which needs the stream.
    expect((await writer.ask('get_next_stream_chunk_request', { id, size: 0 })).code).to.equal(undefined)
    expect((await reader.next()).type).to.equal('pull_next_stream_chunk_reply')
    expect((await reader.next()).type).to.equal('drop_stream_reply')
    for (const client of [reader, writer]) client.close()
  })

  it('hears one-way messages while a request waits', async () => {
    const client = await RawClient.connect(server.socket, { vineyard_streams: 1 })
    const { ids } = await client.ask('create_buffers_request', { sizes: [10 * MiB] })
    await client.ask('seal_request', { object_id: ids[0] })
    await client.ask('get_buffers_request', { ids })
    await client.ask('drop_buffer_request', { id: ids[0] })
    client.send('create_buffers_request', { sizes: [10 * MiB], wait: true })
    await until(() => server.status().memoryRequests === 1)
    client.send('release_leases', { ids: [`o${BigInt(ids[0]).toString(16)}`] })
    expect((await client.next()).type).to.equal('create_buffers_reply')
    client.close()
  })

  it('does not pile up replies for a peer that does not read', async () => {
    const deaf = await RawClient.connect(server.socket)
    const other = await RawClient.connect(server.socket)
    const { id } = await deaf.ask('create_data_request', {
      content: { typename: 'T', instance_id: 0, v: 'x'.repeat(MiB) }
    })
    await other.ask('get_data_request', { id: [id] })
    const before = process.memoryUsage().rss
    deaf.channel.pause()
    for (let i = 0; i < 120; i += 1) deaf.send('get_data_request', { id: [id] })
    // By then all of them could have been answered: they came before.
    await other.ask('exists_request', { id })
    expect(process.memoryUsage().rss - before).to.be.below(64 * MiB)
    deaf.channel.resume()
    for (let i = 0; i < 120; i += 1) expect((await deaf.next()).type).to.equal('get_data_reply')
    for (const c of [deaf, other]) c.close()
  })

  describe('hostile frames', () => {
    const register = frame('{"type":"register_request","store_type":1}')

    it('closes on a length beyond the limit, without reply', async () => {
      for (const length of [268435457n, 2n ** 63n, 2n ** 64n - 1n]) {
        expect(await exchange(server.socket, frame('', length))).to.deep.equal({ text: '', closed: true })
      }
    })

    for (const [what, bytes] of [
      ['no bytes', frame('')],
      ['no JSON', frame('hello')],
      ['invalid UTF-8', frame(Buffer.from([0x22, 0xff, 0x22]))],
      ['a number', frame('5')],
      ['a list', frame('[]')]
    ] as const) {
      it(`answers ${what} with 1 and goes on`, async () => {
        const { text, closed } = await exchange(server.socket, Buffer.concat([bytes, register]))
        expect(text).to.include('"code":1')
        expect(text).to.include('register_reply')
        expect(closed).to.equal(false)
      })
    }

    it('survives random bytes and cut frames', async () => {
      const random = (): Buffer =>
        Buffer.from(Array.from({ length: 200 }, () => Math.floor(Math.random() * 256)))
      const cut = frame('{"type":"register_request"}').subarray(0, 20)
      const all = Array.from({ length: 50 }, (_, i) => exchange(server.socket, i % 2 ? random() : cut, 50))
      await Promise.all(all)
      const client = await RawClient.connect(server.socket)
      await until(() => server.status().ipcConnections === 1)
      client.close()
    })
  })

  it('limits connections', async () => {
    const small = await StoreServer.start({ size: '1Mi', maxConnections: 2 })
    const clients = [await RawClient.connect(small.socket), await RawClient.connect(small.socket)]
    const third = new RawClient(small.socket)
    await third.ended()
    clients[0]!.close()
    await until(() => small.status().ipcConnections === 1)
    const fourth = await RawClient.connect(small.socket)
    for (const client of [...clients, fourth]) client.close()
    await small.close()
  })

  it('takes only short frames from a stranger, and long ones that come with the registration', async () => {
    const long = 'x'.repeat(100_000)
    const stranger = new RawClient(server.socket)
    stranger.send('register_request', { username: long })
    expect(await stranger.next()).to.equal(undefined)
    const client = new RawClient(server.socket)
    client.send('register_request', { store_type: 1 })
    client.send('get_name_request', { name: long, wait: false })
    expect((await client.next()).type).to.equal('register_reply')
    expect((await client.next()).code).to.equal(12)
    client.close()
  })

  it('closes the connection that holds most where all hold too much', async () => {
    const poor = await StoreServer.start({ size: '1Mi' }, { heldBytes: 8 * MiB })
    const [small, large] = [await RawClient.connect(poor.socket), await RawClient.connect(poor.socket)]
    const unfinished = async (bytes: number): Promise<Socket> => {
      const socket = createConnection(poor.socket)
      socket.on('error', () => {})
      socket.write(frame('{"type":"register_request","store_type":1}'))
      await once(socket, 'data')
      const body = Buffer.alloc(bytes, 0x20)
      await new Promise(resolve => socket.write(frame(body, BigInt(bytes + 1)), resolve))
      return socket
    }
    const modest = await unfinished(3 * MiB)
    // A request in line counts as well as one that is not complete.
    large.send('get_name_request', { name: 'never', wait: true })
    large.send('get_name_request', { name: 'x'.repeat(4 * MiB), wait: false })
    await until(() => poor.status().deferredRequests === 1)
    const closed = large.ended()
    const third = await unfinished(2 * MiB)
    await closed
    const replies = [modest, third].map(async socket => {
      socket.write(' ')
      return String((await once(socket, 'data'))[0])
    })
    for (const reply of await Promise.all(replies)) expect(reply).to.include('"code":1')
    expect((await small.ask('exists_request', { id: 1 })).exists).to.be.false
    for (const socket of [modest, third]) socket.destroy()
    small.close()
    await poor.close()
  })

  it('gives a stranger little time, and a client all', async () => {
    const hurried = await StoreServer.start({ size: '1Mi', rpc: { port: 0 } }, { registrationTime: 50 })
    const client = await RawClient.connect(hurried.socket)
    const stranger = new RawClient(hurried.socket)
    stranger.send('exists_request', { id: 1 })
    const [host, port] = (hurried.rpcEndpoint as string).split(':')
    const remote = createConnection(Number(port), host)
    await Promise.all([stranger.ended(), once(remote, 'close')])
    expect((await client.ask('exists_request', { id: 1 })).exists).to.be.false
    client.close()
    await hurried.close()
  })

  it('has room for clients of this machine and for those that register, however many strangers stand at the door', async () => {
    const store = await StoreServer.start({ size: '1Mi', maxConnections: 8, rpc: { port: 0 } })
    const [host, port] = (store.rpcEndpoint as string).split(':')
    const strangers = Array.from({ length: 20 }, () => createConnection(Number(port), host))
    const gone = strangers.slice(0, 14).map(one =>
      once(
        one.on('error', () => {}),
        'close'
      )
    )
    await Promise.all(gone)
    expect(store.status()).to.include({ ipcConnections: 0, rpcConnections: 6 })
    const clients = [await RawClient.connect(store.socket), await RawClient.connect(store.socket)]
    const remote = createConnection(Number(port), host)
    remote.write(frame('{"type":"register_request","store_type":1}'))
    await once(remote, 'data')
    // Full: a client of this machine takes the place of a stranger.
    clients.push(await RawClient.connect(store.socket))
    expect(store.status()).to.include({ ipcConnections: 3, rpcConnections: 5 })
    for (const client of clients) expect((await client.ask('exists_request', { id: 1 })).exists).to.be.false
    for (const client of clients) client.close()
    for (const socket of [...strangers, remote]) socket.destroy()
    await store.close()
  })

  it('asks for a user name and a password where it was given them', async () => {
    const guarded = await StoreServer.start({ size: '1Mi', username: 'u', password: 'p' })
    const client = new RawClient(guarded.socket)
    const register = (username: string, password: string): Promise<any> =>
      client.ask('register_request', { store_type: 1, username, password })
    expect((await register('u', 'x')).code).to.equal(34)
    expect((await register('', '')).code).to.equal(34)
    expect((await client.ask('exists_request', { id: 1 })).code).to.equal(1)
    expect((await register('u', 'p')).type).to.equal('register_reply')
    client.close()
    await guarded.close()
  })

  it('returns to where it was when its clients have gone', async () => {
    const before = descriptors()
    for (let round = 0; round < 20; round += 1) {
      const client = await RawClient.connect(server.socket)
      await client.ask('create_buffer_request', { size: MiB })
      client.send('get_name_request', { name: 'never', wait: true })
      client.close()
    }
    await until(() => server.status().ipcConnections === 0)
    expect(server.status()).to.include({ memoryUsage: 0, deferredRequests: 0, blobs: 0 })
    expect(descriptors()).to.equal(before)
  })

  describe('close()', () => {
    async function finishedStream(
      chunks: number
    ): Promise<{ writer: RawClient; reader: RawClient; id: bigint }> {
      const writer = await RawClient.connect(server.socket)
      const reader = await RawClient.connect(server.socket)
      const { id } = await writer.ask('create_data_request', { content: { typename: 'S', instance_id: 0 } })
      await writer.ask('create_stream_request', { object_id: id })
      await reader.ask('open_stream_request', { object_id: id, mode: 1 })
      for (let i = 0; i < chunks; i += 1) await writer.ask('push_next_stream_chunk_request', { id, chunk: i })
      return { writer, reader, id: BigInt(id) }
    }

    it('lets a reader take what a finished stream still holds', async () => {
      const { writer, reader, id } = await finishedStream(3)
      await writer.ask('stop_stream_request', { id, failed: false })
      const closing = server.close()
      for (let i = 0; i < 3; i += 1) {
        expect((await reader.ask('pull_next_stream_chunk_request', { id })).chunk).to.equal(i)
      }
      expect((await reader.ask('pull_next_stream_chunk_request', { id })).code).to.equal(42)
      await closing
      await reader.ended()
      await writer.ended()
    })

    it('fails a stream that nobody has finished', async () => {
      const { writer, reader, id } = await finishedStream(0)
      reader.send('pull_next_stream_chunk_request', { id })
      await writer.ask('debug_command', { debug: null })
      await server.close()
      expect((await reader.next()).code).to.equal(43)
    })

    it('does not wait longer than it was told', async () => {
      const { writer, id } = await finishedStream(3)
      await writer.ask('stop_stream_request', { id, failed: false })
      const start = performance.now()
      await server.close({ drain: 100 })
      expect(performance.now() - start).to.be.within(90, 3000)
    })

    it('ends requests that wait, and refuses new connections', async () => {
      const client = await RawClient.connect(server.socket, { vineyard_streams: 1 })
      await client.ask('create_buffers_request', { sizes: [10 * MiB] })
      client.send('create_buffers_request', { sizes: [10 * MiB], wait: true })
      await until(() => server.status().memoryRequests === 1)
      await Promise.all([server.close(), server.close()])
      expect((await client.next()).code).to.equal(36)
      await client.ended()
      expect(() => new RawClient(server.socket))
        .to.throw()
        .with.property('code', 'ENOENT')
    })
  })
})
