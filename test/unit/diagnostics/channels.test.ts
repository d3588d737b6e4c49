import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { expect } from 'chai'
import {
  ByteStream,
  connect,
  release,
  Store,
  type Client,
  type ErrorMessage,
  type ReleasedMessage,
  type RequestMessage,
  type WaitMessage
} from 'vineyard-streams'
import { rejection } from '../../support/rejection.js'
import { requestTimes } from '../../support/request-times.js'
import { onEachServer } from '../../support/subjects.js'

/** What is published to a channel while `work` runs. */
async function published<Message>(name: string, work: () => Promise<unknown>): Promise<Message[]> {
  const messages: Message[] = []
  const listener = (message: unknown): void => void messages.push(message as Message)
  subscribe(name, listener)
  try {
    await work()
  } finally {
    unsubscribe(name, listener)
  }
  return messages
}

onEachServer('Diagnostics channels', '16Mi', bench => {
  let client: Client
  beforeEach(async () => {
    client = await bench.client()
  })

  it('tell of each chunk that is written, read, copied and given back', async () => {
    const stream = await ByteStream.create(client)
    const writer = await stream.openWriter()
    const run = async (): Promise<void> => {
      const reader = await stream.openReader()
      await writer.append(Buffer.alloc(100_000, 1))
      await writer.append(Buffer.alloc(200_000, 2))
      for (const size of [100_000, 200_000]) {
        const { value } = await reader.next()
        expect(value).to.have.length(size)
        release(value)
      }
      await writer.finish()
      expect(await reader.next()).to.include({ done: true })
    }
    let written: object[] = []
    let released: ReleasedMessage[] = []
    let copied: object[] = []
    const read = await published<object>('vineyard-streams:chunk:read', async () => {
      written = await published('vineyard-streams:chunk:written', async () => {
        copied = await published('vineyard-streams:chunk:copied', async () => {
          released = await published('vineyard-streams:chunk:released', run)
        })
      })
    })
    const both = [100_000, 200_000].map(bytes => ({ stream: stream.id, bytes }))
    expect(written).to.deep.equal(both)
    expect(read).to.deep.equal(both)
    // By the standard protocol nothing can keep a blob, so chunks of byte streams are copied.
    const leased = bench.subject.name === 'the embedded store'
    expect(copied).to.deep.equal(leased ? [] : both)
    expect(released).to.deep.equal(leased ? both.map(chunk => ({ ...chunk, collected: false })) : [])
  })

  it('trace connections and requests, good and bad', async () => {
    const ends: string[] = []
    const tracing = tracingChannel('vineyard-streams:request')
    const nothing = (): void => {}
    const subscribers = {
      start: nothing,
      end: nothing,
      asyncStart: nothing,
      asyncEnd: (message: unknown) => void ends.push((message as RequestMessage).type),
      error: (message: unknown) => void ends.push(`failed: ${(message as ErrorMessage).error.code}`)
    }
    const connects = await published<{ address: string }>(
      'tracing:vineyard-streams:connect:asyncEnd',
      async () => {
        tracing.subscribe(subscribers)
        const fork = await client.fork()
        await rejection(fork.getMeta('o0000000000000123'))
        await fork.close()
        tracing.unsubscribe(subscribers)
      }
    )
    // What a vineyardd may ask its etcd for has a connection of its own.
    const opened = bench.subject.name === 'the embedded store' ? 1 : 2
    expect(connects).to.have.length(opened)
    for (const connect of connects) expect(connect).to.have.property('address', client.address)
    expect(JSON.stringify(connects)).not.to.contain('password')
    // A vineyardd answers with nothing, the store with an error; for the caller both are the same.
    // And a client that has connected looks in its own time for what the dead have left.
    const asked = ends.filter(text => !text.startsWith('failed') && text !== 'list_data_request')
    expect(asked).to.deep.equal([...Array(opened).fill('register_request'), 'get_data_request'])
  })

  it('trace the requests that chunks go with', async () => {
    const stream = await ByteStream.create(client)
    const writer = await stream.openWriter()
    const reader = await stream.openReader()
    const times = await requestTimes(async () => {
      await writer.append(Buffer.alloc(10))
      await reader.next()
    })
    const extended = bench.subject.name === 'the embedded store'
    const [write, pull] = extended
      ? ['write_chunks_request', 'pull_chunks_request']
      : ['push_next_stream_chunk_request', 'pull_next_stream_chunk_request']
    expect(times.get(write)).to.have.length(1)
    expect(times.get(pull)).to.have.length(1)
    await Promise.all([writer.close(), reader.close()])
  })

  it('tell of waits as long as they last, and stats() add them up', async () => {
    const stream = await ByteStream.create(client)
    const writer = await stream.openWriter(client, { window: { chunks: 1 } })
    const started: WaitMessage[] = []
    const onStart = (message: unknown): void => void started.push(message as WaitMessage)
    subscribe('tracing:vineyard-streams:wait:start', onStart)
    await writer.append(Buffer.alloc(10))
    const second = writer.append(Buffer.alloc(10))
    const reader = await stream.openReader()
    const { chunksRead } = stream.stats()
    await reader.next()
    const third = reader.next()
    await Promise.all([second, third])
    const fourth = reader.next()
    await writer.finish()
    await fourth
    unsubscribe('tracing:vineyard-streams:wait:start', onStart)
    expect(chunksRead).to.equal(0)
    expect(new Set(started.map(wait => wait.stream))).to.deep.equal(new Set([stream.id]))
    expect(started.map(wait => wait.for)).to.include.members(['window', 'chunk'])
    const { waits, waitMs, readWaits, readWaitMs, chunksWritten, bytesRead } = stream.stats()
    expect({ waits, chunksWritten, bytesRead }).to.deep.equal({ waits: 1, chunksWritten: 2, bytesRead: 20 })
    expect(waitMs).to.be.above(0)
    expect(readWaits).to.be.above(0)
    expect(readWaitMs).to.be.above(0)
    expect(client.stats()).to.include({ chunksWritten: 2, bytesRead: 20 })
  })

  it('take the end of a stream for what it is, no failure', async () => {
    const stream = await ByteStream.create(client)
    const seen = async (): Promise<void> => {
      const writer = await stream.openWriter()
      const reader = await stream.openReader()
      const first = reader.next()
      await writer.append(Buffer.alloc(10))
      await first
      const last = reader.next()
      await writer.finish()
      expect(await last).to.include({ done: true })
    }
    let waits: object[] = []
    const requests = await published<object>('tracing:vineyard-streams:request:error', async () => {
      waits = await published('tracing:vineyard-streams:wait:error', seen)
    })
    expect([...requests, ...waits]).to.deep.equal([])
  })

  it('tell of a stream that failed, at both ends', async () => {
    const stream = await ByteStream.create(client)
    const errors = await published<ErrorMessage>('vineyard-streams:error', async () => {
      const writer = await stream.openWriter()
      const reader = await stream.openReader()
      const next = rejection(reader.next())
      await writer.fail('a reason')
      await next
    })
    expect(errors.map(({ end, stream: id, error }) => ({ end, id, code: error.code }))).to.have.deep.members([
      { end: 'writer', id: stream.id, code: 'ERR_VINEYARD_STREAM_FAILED' },
      { end: 'reader', id: stream.id, code: 'ERR_VINEYARD_STREAM_FAILED' }
    ])
  })
})

describe('Diagnostics channels', () => {
  it('tell of a lost connection', async () => {
    const store = await Store.start({ size: '1Mi' })
    const client = await connect(store.socket)
    const errors = await published<ErrorMessage>('vineyard-streams:error', async () => {
      await store.close()
      await rejection(client.status())
    })
    expect(errors).to.have.length(1)
    expect(errors[0]).to.include({ stream: undefined, end: undefined, address: store.socket })
    expect(errors[0]?.error.code).to.equal('ERR_VINEYARD_CONNECTION_LOST')
    await client.close()
  })
})
