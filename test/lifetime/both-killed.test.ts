import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import { ByteStream, connect, RecordBatchStream, release, type Client, type ObjectId } from 'vineyard-streams'
import type { ClientCore } from '#dist/client/client-core.js'
import { leaseBlobs } from '#dist/client/node-lease.js'
import type { BothEndsJob } from '../support/lifetime-jobs.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { rejection } from '../support/rejection.js'
import { eventually, memoryReturns } from '../support/settling.js'
import { needsVineyard, Vineyardd } from '../support/vineyardd.js'

const bytes = 80_000
const streams = { batches: RecordBatchStream, bytes: ByteStream }
type Kind = keyof typeof streams

describe('The death of both ends, on a vineyardd', () => {
  let server: Vineyardd
  let client: Client
  /** Bytes in use before a test: what the one of the bound leaves is there until the end. */
  let inUse: number

  before(async function () {
    needsVineyard(this)
    server = await Vineyardd.start('64Mi')
  })
  beforeEach(async () => {
    client = await connect(server.socket)
    inUse = (await client.status()).memoryUsage
  })
  afterEach(endProcesses)
  afterEach(async () => {
    await client.close()
  })
  after(() => server?.close())

  /** Starts an end and waits until it has done its part; answers the ids that it pulled. */
  async function start(
    stream: { id: ObjectId },
    kind: Kind,
    job: Partial<BothEndsJob>
  ): Promise<{ end: TestProcess; pulled: ObjectId[] }> {
    const end = new TestProcess('both-ends', {
      socket: server.socket,
      stream: stream.id,
      kind,
      bytes,
      ...job
    })
    const { pulled } = await end.next<{ pulled: ObjectId[] }>()
    return { end, pulled }
  }

  async function kill(...ends: TestProcess[]): Promise<void> {
    await Promise.all(ends.map(end => end.kill()))
  }

  /** A new client connects, and has swept when nobody's notes are left. */
  async function sweep(): Promise<void> {
    const next = await connect(server.socket)
    await eventually(
      async () => (await client.list({ pattern: 'vineyard::NodeStream*' })).length === 0,
      'the notes or presences of the dead are there'
    )
    await next.close()
  }

  for (const kind of ['batches', 'bytes'] as const) {
    describe(`of a stream of ${kind}`, () => {
      it('in one process leaves nothing of what was queued when the next client has come', async () => {
        const stream = await streams[kind].create(client)
        const { end } = await start(stream, kind, { writes: 5, reads: 1 })
        await kill(end)
        await sweep()
        await memoryReturns(client, inUse)
        await stream.drop()
      })

      it('in two processes leaves nothing of what was queued when the next client has come', async () => {
        const stream = await streams[kind].create(client)
        const producer = await start(stream, kind, { writes: 5 })
        const consumer = await start(stream, kind, { reads: 1 })
        await kill(producer.end, consumer.end)
        await sweep()
        await memoryReturns(client, inUse)
        await stream.drop()
      })

      it('leaves nothing where the stream is dropped before the next client comes', async () => {
        const stream = await streams[kind].create(client, { name: `dropped ${kind}` })
        const { end } = await start(stream, kind, { writes: 5, reads: 2 })
        await kill(end)
        await stream.drop()
        expect(await client.list({ pattern: 'vineyard::NodeStream*' })).to.deep.equal([])
        // The leases of the dead are for the next client.
        const next = await connect(server.socket)
        await memoryReturns(client, inUse)
        await next.close()
      })
    })
  }

  it('leaves a chunk to a third process that looks at it', async () => {
    const stream = await RecordBatchStream.create(client)
    const { end, pulled } = await start(stream, 'batches', { writes: 5, reads: 1, ids: true })
    const value = await client.get<RecordBatch>(pulled[0]!, { zeroCopy: true })
    await kill(end)
    await sweep()
    await memoryReturns(client, inUse + bytes)
    expect((await client.status()).memoryUsage).to.equal(inUse + bytes)
    expect(numberOf(value)).to.equal(0)
    release(value)
    await memoryReturns(client, inUse)
    await stream.drop()
  })

  it('leaves a chunk that is a blob to an object that somebody has made of it', async () => {
    const stream = await ByteStream.create(client)
    const { end, pulled } = await start(stream, 'bytes', { writes: 5, reads: 1, ids: true })
    const { connection } = Reflect.get(client, 'core') as ClientCore
    const lease = await leaseBlobs(connection, pulled)
    await kill(end)
    await sweep()
    await memoryReturns(client, inUse + bytes)
    expect(Buffer.alloc(bytes, 0).equals(await client.get<Uint8Array>(pulled[0]!))).to.equal(true)
    await client.delete(lease)
    await memoryReturns(client, inUse)
    await stream.drop()
  })

  it('leaves a chunk that somebody has made persistent', async () => {
    const stream = await RecordBatchStream.create(client)
    const { end, pulled } = await start(stream, 'batches', { writes: 5, reads: 1, ids: true })
    await client.persist(pulled[0]!)
    await kill(end)
    await sweep()
    await memoryReturns(client, inUse + bytes)
    expect(numberOf(await client.get<RecordBatch>(pulled[0]!))).to.equal(0)
    await client.delete(pulled[0]!)
    await memoryReturns(client, inUse)
    await stream.drop()
  })

  it("leaves an object that was somebody else's and appended by its id", async () => {
    const stream = await RecordBatchStream.create(client)
    const [transient, persistent] = await Promise.all([1, 2].map(n => client.put(numberedBatch(n, bytes))))
    await client.persist(persistent!)
    for (const id of [transient!, persistent!]) {
      const own = await RecordBatchStream.create(client)
      const { end } = await start(own, 'batches', { appended: [id], writes: 4, reads: 1 })
      await kill(end)
      await sweep()
      await memoryReturns(client, inUse + 2 * bytes)
      expect(numberOf(await client.get<RecordBatch>(id))).to.equal(id === persistent ? 2 : 1)
      await own.drop()
    }
    await client.delete([transient!, persistent!])
    await memoryReturns(client, inUse)
    await stream.drop()
  })

  it('of the producer alone leaves what a consumer holds, and what is queued for it', async () => {
    const stream = await RecordBatchStream.create(client)
    const { end } = await start(stream, 'batches', { writes: 5 })
    const reader = await stream.openReader()
    const kept = [(await reader.next()).value!]
    await kill(end)
    // It sweeps as long as the rest of this takes.
    const next = await connect(server.socket)
    for (let number = 1; number < 5; number += 1) kept.push((await reader.next()).value!)
    expect(kept.map(numberOf)).to.deep.equal([0, 1, 2, 3, 4])
    expect(await rejection(reader.next())).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
    expect(kept.map(numberOf)).to.deep.equal([0, 1, 2, 3, 4])
    for (const batch of kept) release(batch)
    await reader.close()
    await next.close()
    await stream.drop()
    await memoryReturns(client, inUse)
  })

  it('bounds what is noted', async () => {
    const stream = await RecordBatchStream.create(client)
    const window = { chunks: 5000, bytes: Infinity }
    const { end } = await start(stream, 'batches', { writes: 1500, bytes: 64, reads: 1, window })
    // At 4 parts for each chunk.
    expect(await client.list({ pattern: 'vineyard::NodeStreamNotes', limit: 99 })).to.have.length(17)
    await kill(end)
    await sweep()
    // What was queued before the last 1024.
    await memoryReturns(client, inUse + 64 * 500)
    await stream.drop()
  })
})
