import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import { connect, RecordBatchStream, release, type Client, type Metadata } from 'vineyard-streams'
import type { ConsumerJob, ProducerJob } from '../support/lifetime-jobs.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { median } from '../support/median.js'
import { canHavePidNamespace, endProcesses, TestProcess } from '../support/processes.js'
import { rejection } from '../support/rejection.js'
import { eventually, memoryReturns } from '../support/settling.js'
import { needsVineyard, Vineyardd } from '../support/vineyardd.js'

const kib = 1024
const failed = 'ERR_VINEYARD_STREAM_FAILED'
type Stream = RecordBatchStream

describe('The death of a peer, on a vineyardd', () => {
  let server: Vineyardd
  let client: Client

  before(async function () {
    needsVineyard(this)
    server = await Vineyardd.start('4Mi')
  })
  beforeEach(async () => {
    client = await connect(server.socket)
  })
  afterEach(endProcesses)
  afterEach(async () => {
    // What one test leaves must not be swept in the next one.
    await client.close()
    await (await connect(server.socket)).close()
  })
  after(() => server?.close())

  function produce(stream: RecordBatchStream, job: Partial<ProducerJob>, options = {}): TestProcess {
    const common = { socket: server.socket, stream: stream.id, chunks: Infinity, bytes: 64 * kib }
    return new TestProcess('producer', { ...common, ...job }, options)
  }

  function consume(stream: RecordBatchStream, job: Partial<ConsumerJob>, options = {}): TestProcess {
    const common = { socket: server.socket, stream: stream.id, chunks: 'release' }
    return new TestProcess('consumer', { ...common, ...job }, options)
  }

  /** Reads what is left and checks its order from `first` on; answers how many there were, and how it ended. */
  async function readOn(
    readable: AsyncIterable<RecordBatch>,
    first = 0
  ): Promise<{ count: number; code?: string | undefined }> {
    let count = first
    try {
      for await (const batch of readable) {
        expect(numberOf(batch)).to.equal(count)
        count += 1
        release(batch)
      }
    } catch (error) {
      return { count, code: (error as { code: string }).code }
    }
    return { count }
  }

  /** Writes until something ends it. */
  function writing(stream: RecordBatchStream, bytes: number, window = {}): Promise<{ code?: string }> {
    const endless = Readable.from(
      (function* () {
        for (let number = 0; ; number += 1) yield numberedBatch(number, bytes)
      })(),
      { highWaterMark: 1 }
    )
    return rejection(pipeline(endless, stream.createWriteStream({ window })))
  }

  /** What producers have noted. */
  const notes = (): Promise<Metadata[]> => client.list({ pattern: 'vineyard::NodeStreamNotes' })

  async function until(child: TestProcess, key: string): Promise<void> {
    while (key in (await child.next<object>()) === false) continue
  }

  describe('of the producer', () => {
    it('gives a reader that comes later what was queued, then a failure', async () => {
      const stream = await RecordBatchStream.create(client)
      const producer = produce(stream, { tells: true, window: { chunks: 5 } })
      await producer.next()
      for (let number = 0; number < 5; number += 1) await producer.next()
      await producer.kill()
      expect(await readOn(stream.createReadStream())).to.deep.equal({ count: 5, code: failed })
      await stream.drop()
      await memoryReturns(client, 0)
    })

    // A persistent one has its producer's notes elsewhere.
    for (const [kind, options] of Object.entries({ transient: {}, persistent: { name: 'killed' } })) {
      // It can die wherever it is in the making of a chunk.
      for (const moment of ['seal_request', 'create_datas_request', 'push_next_stream_chunk_request']) {
        it(`wakes a reader of a ${kind} stream that waits, and leaves nothing, when it comes before a ${moment}`, async () => {
          const stream = await RecordBatchStream.create(client, options)
          const producer = produce(stream, { haltInsteadOf: moment })
          const reading = readOn(stream.createReadStream())
          await until(producer, 'halted')
          await producer.kill()
          expect(await reading).to.deep.equal({ count: 2, code: failed })
          await stream.drop()
          await memoryReturns(client, 0)
          expect(await notes()).to.deep.equal([])
        })
      }

      it(`leaves nothing of memory that was allocated for a ${kind} stream and not appended`, async () => {
        const stream = await RecordBatchStream.create(client, options)
        const producer = produce(stream, { haltAllocated: true })
        await until(producer, 'halted')
        await producer.kill()
        expect(await readOn(stream.createReadStream())).to.deep.equal({ count: 1, code: failed })
        await stream.drop()
        await memoryReturns(client, 0)
        expect(await notes()).to.deep.equal([])
      })
    }

    it('leaves nothing of more memory than an object of notes names', async () => {
      const stream = await RecordBatchStream.create(client)
      // The last of them waits for nothing but what the server is told of the first 256.
      const producer = produce(stream, { bytes: 1024, haltAllocated: true, allocates: 600 })
      await until(producer, 'halted')
      expect(await notes()).to.have.length(3)
      await producer.kill()
      expect(await readOn(stream.createReadStream())).to.deep.equal({ count: 1, code: failed })
      await stream.drop()
      await memoryReturns(client, 0)
      expect(await notes()).to.deep.equal([])
    })

    it('costs a persistent stream no label: on a cluster that is a write to etcd', async () => {
      const stream = await RecordBatchStream.create(client, { name: 'labels' })
      const writer = await stream.openWriter()
      await writer.append(numberedBatch(1, 1000))
      expect(await client.getMeta(stream.id)).to.not.have.property('__labels')
      const [own] = await notes()
      expect(own).to.have.property('names')
      await writer.finish()
      expect(await notes()).to.deep.equal([])
      await stream.drop()
    })

    it('leaves what the next client frees where a persistent stream was dropped before', async () => {
      const stream = await RecordBatchStream.create(client, { name: 'gone' })
      const producer = produce(stream, { haltAllocated: true })
      await until(producer, 'halted')
      await stream.drop()
      await producer.kill()
      const next = await connect(server.socket)
      await eventually(async () => (await notes()).length === 0, 'the notes of the dead are there')
      await memoryReturns(client, 0)
      await next.close()
    })

    it('leaves nothing where nobody reads and the stream is dropped', async () => {
      const stream = await RecordBatchStream.create(client)
      const producer = produce(stream, { haltInsteadOf: 'push_next_stream_chunk_request' })
      await until(producer, 'halted')
      await producer.kill()
      await stream.drop()
      await memoryReturns(client, 0)
    })

    it('is not a failure when it had finished', async () => {
      const stream = await RecordBatchStream.create(client)
      const reader = await stream.openReader()
      await produce(stream, { chunks: 3 }).rest()
      // Longer than the reader needs to see that the process is gone.
      await new Promise(resolve => setTimeout(resolve, 2500))
      const numbers = []
      for await (const batch of reader) {
        numbers.push(numberOf(batch))
        release(batch)
      }
      expect(numbers).to.deep.equal([0, 1, 2])
      await stream.drop()
      await memoryReturns(client, 0)
    })
  })

  describe('of the consumer', () => {
    const moments: Record<string, [job: Partial<ConsumerJob>, bytes: number, window: object]> = {
      'before its first read': [{ holdAfter: 0 }, kib, { chunks: 4 }],
      'before its first read, when the writer waits for memory': [
        { holdAfter: 0 },
        512 * kib,
        { chunks: 99, bytes: Infinity }
      ],
      'while it holds chunks and the writer waits for the window': [
        { holdAfter: 2, chunks: 'keep' },
        64 * kib,
        { chunks: 3 }
      ],
      'while it holds chunks and the writer waits for memory': [
        { holdAfter: 2, chunks: 'keep' },
        512 * kib,
        { chunks: 99, bytes: Infinity }
      ]
    }
    for (const [moment, [job, bytes, window]] of Object.entries(moments)) {
      it(`fails the writer and frees everything, ${moment}`, async () => {
        const stream = await RecordBatchStream.create(client)
        const consumer = consume(stream, job)
        const failure = writing(stream, bytes, window)
        await until(consumer, 'holding')
        await consumer.kill()
        expect(await failure).to.have.property('code', failed)
        await memoryReturns(client, 0)
        expect(await client.list({ pattern: 'vineyard::NodeLease' })).to.deep.equal([])
        await stream.drop()
      })
    }

    it('fails a writer that has nothing to write, while the reader waits in a pull', async () => {
      const stream = await RecordBatchStream.create(client)
      const consumer = consume(stream, { tells: true })
      const writable = stream.createWriteStream()
      const failure = new Promise(resolve => writable.once('error', resolve))
      writable.write(numberedBatch(0, kib))
      await until(consumer, 'read')
      await consumer.kill()
      expect(await failure).to.have.property('code', failed)
      await stream.drop()
      await memoryReturns(client, 0)
    })

    it('frees what a writer had written that has finished since', async () => {
      const stream = await RecordBatchStream.create(client)
      const consumer = consume(stream, { holdAfter: 2, chunks: 'keep' })
      await pipeline(
        Array.from({ length: 9 }, (_, number) => numberedBatch(number, 64 * kib)),
        stream.createWriteStream()
      )
      await until(consumer, 'holding')
      await consumer.kill()
      await memoryReturns(client, 0)
      await stream.drop()
    })
  })

  for (const moment of ['seal_request', 'create_datas_request', 'push_next_stream_chunk_request']) {
    it(`of both ends is cleaned up by the next client, when it comes before a ${moment}`, async () => {
      const stream = await RecordBatchStream.create(client)
      const consumer = consume(stream, { holdAfter: 0 })
      await until(consumer, 'holding')
      const producer = produce(stream, { haltInsteadOf: moment })
      await until(producer, 'halted')
      await Promise.all([consumer.kill(), producer.kill()])
      expect((await client.status()).memoryUsage).to.be.greaterThan(2 * 64 * kib)
      const next = await connect(server.socket)
      await memoryReturns(client, 0)
      await next.close()
      await stream.drop()
    })
  }

  it('leaves leases that the next client gives back', async () => {
    const id = await client.put(numberedBatch(0, 64 * kib))
    const keeper = new TestProcess('keeper', { socket: server.socket, id })
    await keeper.next()
    await client.delete(id)
    expect((await client.status()).memoryUsage).to.equal(64 * kib)
    await keeper.kill()
    const next = await connect(server.socket)
    await memoryReturns(client, 0)
    await next.close()
  })

  it('harms no other stream', async () => {
    const [healthy, ...doomed] = await Promise.all([1, 2, 3].map(() => RecordBatchStream.create(client)))
    const producer = produce(healthy!, { chunks: 300, bytes: 4 * kib, window: { chunks: 4 } })
    // It is in the middle when the others are killed: the window lets it be no further.
    const reader = await healthy!.openReader()
    for (let count = 0; count < 100; count += 1) {
      const { value } = await reader.next()
      expect(numberOf(value as RecordBatch)).to.equal(count)
      release(value)
    }
    // Between two chunks: what is asked for and not yet noted stays on the server for ever (docs/lifetimes.md).
    const dying = produce(doomed[0]!, { window: { chunks: 4 }, haltAfter: 2 })
    const leaving = consume(doomed[1]!, { holdAfter: 1, chunks: 'keep' })
    const failure = writing(doomed[1]!, 16 * kib)
    await until(dying, 'halted')
    await until(leaving, 'holding')
    await Promise.all([dying.kill(), leaving.kill()])
    expect(await failure).to.have.property('code', failed)
    expect(await readOn(reader as AsyncIterable<RecordBatch>, 100)).to.deep.equal({ count: 300 })
    await producer.rest()
    await Promise.all([healthy!, ...doomed].map(stream => stream.drop()))
    await memoryReturns(client, 0)
  })

  it('is noticed in another pid namespace, and not before', async function () {
    if (!canHavePidNamespace()) this.skip()
    const elsewhere = { ownPidNamespace: true }
    const streams = await Promise.all([1, 2, 3, 4].map(() => RecordBatchStream.create(client)))
    const [first, second, third, fourth] = streams as [Stream, Stream, Stream, Stream]
    const producers = [first, second].map(stream => produce(stream, { haltAfter: 2 }, elsewhere))
    const consumers = [third, fourth].map(stream => consume(stream, { holdAfter: 0 }, elsewhere))
    const ends: number[] = []
    const ended = (): number => ends.push(performance.now())
    const reads = [first, second].map(stream => readOn(stream.createReadStream()).finally(ended))
    const writes = [third, fourth].map(stream => writing(stream, kib, { chunks: 4 }).finally(ended))
    for (const producer of producers) await until(producer, 'halted')
    for (const consumer of consumers) await until(consumer, 'holding')
    // Longer than a beat may be missing.
    await new Promise(resolve => setTimeout(resolve, 5000))
    expect(ends).to.deep.equal([])
    const killed = performance.now()
    await Promise.all([...producers, ...consumers].map(victim => victim.kill()))
    for (const read of reads) expect(await read).to.deep.equal({ count: 2, code: failed })
    for (const write of writes) expect(await write).to.have.property('code', failed)
    // What is promised; of the median, because a busy machine delays some and a slow mechanism half of them.
    expect(median(ends) - killed).to.be.at.most(6000)
    await Promise.all(streams.map(stream => stream.drop()))
    await memoryReturns(client, 0)
  })
})
