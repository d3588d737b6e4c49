import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import { connect, RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import type { ConsumerJob, ConsumerReport, ProducerJob } from '../support/lifetime-jobs.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { rejection } from '../support/rejection.js'
import { holdingsOf, settled, type Holdings } from '../support/settling.js'

const kib = 1024

describe('The death of a peer, on the store', () => {
  let store: Store
  let client: Client
  let start: Holdings

  before(async () => {
    store = await Store.start({ size: '4Mi' })
  })
  beforeEach(async () => {
    client = await connect(store.socket)
    start = await holdingsOf(store)
  })
  afterEach(endProcesses)
  afterEach(async () => {
    await client.close()
  })
  after(() => store.close())

  function produce(stream: RecordBatchStream, job: Partial<ProducerJob>): TestProcess {
    return new TestProcess('producer', {
      socket: store.socket,
      stream: stream.id,
      chunks: Infinity,
      bytes: 64 * kib,
      ...job
    })
  }

  function consume(stream: RecordBatchStream, job: Partial<ConsumerJob>): TestProcess {
    return new TestProcess('consumer', { socket: store.socket, stream: stream.id, chunks: 'release', ...job })
  }

  /** Reads what is left and checks its order from `first` on; answers how many there were, and how it ended. */
  async function readOn(
    readable: AsyncIterable<RecordBatch>,
    first = 0
  ): Promise<{ count: number; code?: string }> {
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
  function writing(stream: RecordBatchStream, bytes: number, window = {}): Promise<unknown> {
    const endless = Readable.from(
      (function* () {
        for (let number = 0; ; number += 1) yield numberedBatch(number, bytes)
      })(),
      { highWaterMark: 1 }
    )
    return rejection(pipeline(endless, stream.createWriteStream({ window })))
  }

  describe('of the producer', () => {
    it('gives the reader what was queued, then a failure, when it waited for the window', async () => {
      const stream = await RecordBatchStream.create(client)
      const producer = produce(stream, { tells: true, window: { chunks: 5 } })
      await producer.next()
      for (let number = 0; number < 5; number += 1)
        expect(await producer.next()).to.deep.equal({ accepted: number })
      await producer.kill()
      expect(await readOn(stream.createReadStream())).to.deep.equal({
        count: 5,
        code: 'ERR_VINEYARD_STREAM_FAILED'
      })
      await stream.drop()
      await settled(store, start)
    })

    it('gives the reader what was queued, then a failure, when it waited for memory', async () => {
      const stream = await RecordBatchStream.create(client)
      const producer = produce(stream, {
        tells: true,
        bytes: 1024 * kib,
        window: { chunks: 99, bytes: Infinity }
      })
      await producer.next()
      const full = 4
      for (let number = 0; number < full - 1; number += 1) await producer.next()
      while ((await store.status()).memoryRequests === 0) continue
      await producer.kill()
      const { count, code } = await readOn(stream.createReadStream())
      expect(count).to.be.oneOf([full - 1, full])
      expect(code).to.equal('ERR_VINEYARD_STREAM_FAILED')
      await stream.drop()
      await settled(store, start)
    })

    it('wakes a reader that waits', async () => {
      const stream = await RecordBatchStream.create(client)
      const producer = produce(stream, { chunks: 3, haltAllocated: true })
      const reader = await stream.openReader()
      const { value } = await reader.next()
      expect(numberOf(value!)).to.equal(0)
      release(value)
      const waiting = rejection(reader.next())
      while ('halted' in (await producer.next()) === false) continue
      await producer.kill()
      expect(await waiting).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
      await reader.close()
      await stream.drop()
      await settled(store, start)
    })

    it('leaves nothing of memory that was allocated and not appended', async () => {
      const stream = await RecordBatchStream.create(client)
      const producer = produce(stream, { haltAllocated: true })
      while ('halted' in (await producer.next()) === false) continue
      await producer.kill()
      expect(await readOn(stream.createReadStream())).to.deep.equal({
        count: 1,
        code: 'ERR_VINEYARD_STREAM_FAILED'
      })
      await stream.drop()
      await settled(store, start)
    })

    it('leaves nothing of an object that was made and not pushed', async () => {
      const stream = await RecordBatchStream.create(client)
      const producer = produce(stream, { haltBeforePush: 2 })
      while ('halted' in (await producer.next()) === false) continue
      await producer.kill()
      expect(await readOn(stream.createReadStream())).to.deep.equal({
        count: 2,
        code: 'ERR_VINEYARD_STREAM_FAILED'
      })
      await stream.drop()
      await settled(store, start)
    })
  })

  describe('of the consumer', () => {
    const moments: Record<string, [job: Partial<ConsumerJob>, bytes: number, window: object]> = {
      'before its first read': [{ holdAfter: 0 }, kib, { chunks: 4 }],
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
        for (
          let report = await consumer.next<ConsumerReport>();
          !('holding' in report);
          report = await consumer.next()
        )
          continue
        if (bytes > 64 * kib) while ((await store.status()).memoryRequests === 0) continue
        await consumer.kill()
        expect(await failure).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
        await stream.drop()
        await settled(store, start)
      })
    }

    it('fails a writer that has nothing to write, while the reader waits in a pull', async () => {
      const stream = await RecordBatchStream.create(client)
      const consumer = consume(stream, { tells: true })
      const writable = stream.createWriteStream()
      const failed = new Promise(resolve => writable.once('error', resolve))
      writable.write(numberedBatch(0, kib))
      while ('read' in (await consumer.next()) === false) continue
      await consumer.kill()
      expect(await failed).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
      await stream.drop()
      await settled(store, start)
    })
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
    const victims = [
      produce(doomed[0]!, { window: { chunks: 4 } }),
      consume(doomed[1]!, { holdAfter: 1, chunks: 'keep' })
    ]
    const failure = writing(doomed[1]!, 16 * kib)
    for (const victim of victims) await victim.next()
    for (const victim of victims) await victim.kill()
    expect(await failure).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
    expect(await readOn(reader as AsyncIterable<RecordBatch>, 100)).to.deep.equal({ count: 300 })
    await producer.rest()
    await Promise.all([healthy!, ...doomed].map(stream => stream.drop()))
    await settled(store, start)
  })
})
