import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { makeVector, type RecordBatch } from 'apache-arrow'
import {
  ByteStream,
  connect,
  DataframeStream,
  RecordBatchStream,
  release,
  Store,
  type Client,
  type StreamReader,
  type StreamWriter
} from 'vineyard-streams'
import { batchOf, valuesOf } from '../support/batches.js'
import type { ConsumerReport } from '../support/lifetime-jobs.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { rejection } from '../support/rejection.js'
import { eventually, holdingsOf, settled, type Holdings } from '../support/settling.js'

const kib = 1024
const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number)

describe('A stream with several readers', () => {
  let store: Store
  let client: Client
  let start: Holdings

  before(async () => {
    store = await Store.start({ size: '4Mi' })
    start = await holdingsOf(store)
  })
  beforeEach(async () => {
    client = await connect(store.socket)
  })
  afterEach(endProcesses)
  afterEach(async () => {
    await client.close()
    await settled(store, start)
  })
  after(() => store.close())

  async function write(stream: RecordBatchStream, chunks: number, bytes = 16 * kib): Promise<void> {
    const writer = await stream.openWriter()
    for (let number = 0; number < chunks; number += 1) await writer.append(numberedBatch(number, bytes))
    await writer.finish()
  }

  async function numbersOf(batches: AsyncIterable<RecordBatch>): Promise<number[]> {
    const numbers: number[] = []
    for await (const batch of batches) {
      numbers.push(numberOf(batch))
      release(batch)
    }
    return numbers
  }

  it('gives each of them all of it: in this process, in a thread, in another process', async () => {
    const count = 200
    const stream = await RecordBatchStream.create(client, { consumers: 4 })
    const child = new TestProcess('consumer', { socket: store.socket, stream: stream.id, chunks: 'keep' })
    const worker = new Worker(new URL('processes/worker-reader.js', import.meta.url), {
      workerData: { socket: store.socket, stream: stream.id }
    })
    const fromWorker = once(worker, 'message')
    const readers = [
      numbersOf(stream.createReadStream()),
      numbersOf(await (await RecordBatchStream.open(client, stream.id)).openReader())
    ]
    await write(stream, count)
    for (const reader of readers) expect(await reader).to.deep.equal(upTo(count))
    expect(await fromWorker).to.deep.equal([upTo(count)])
    const reports = await child.rest<ConsumerReport>()
    expect(reports.at(-1)).to.deep.include({ done: count, wrong: [], code: undefined })
    await stream.drop()
  })

  it('works with every type of stream, and keeps one copy', async () => {
    const batch = batchOf({ n: makeVector(Int32Array.of(1, 2, 3)) })
    const expected = valuesOf(batch)
    for (const type of [RecordBatchStream, DataframeStream]) {
      const stream = await type.create(client, { consumers: 2 })
      const writable = stream.createWriteStream()
      writable.end(batch)
      const [one, two] = await Promise.all(
        [0, 1].map(() => stream.createReadStream({ copy: true }).toArray())
      )
      for (const batches of [one!, two!]) expect(batches.map(valuesOf)).to.deep.equal([expected])
      await stream.drop()
    }
    const bytes = await ByteStream.create(client, { consumers: 3 })
    const writable = bytes.createWriteStream({ chunkSize: 64 * kib })
    const data = Buffer.alloc(512 * kib, 'vineyard')
    writable.end(data)
    await once(writable, 'finish')
    expect((await store.status()).memoryUsage).to.equal(data.length)
    const copies = await Promise.all([0, 1, 2].map(() => bytes.createReadStream().toArray()))
    for (const pieces of copies) expect(Buffer.concat(pieces).equals(data)).to.equal(true)
    await bytes.drop()
  })

  it('refuses more readers than it was made for', async () => {
    const stream = await RecordBatchStream.create(client, { consumers: 2 })
    const readers = [await stream.openReader(), await stream.openReader()]
    expect(await rejection(stream.openReader())).to.have.property('code', 'ERR_VINEYARD_STREAM_OPENED')
    for (const reader of readers) await reader.close()
    await stream.drop()
  })

  /** Reads one chunk after the other; the writer must be exactly `ahead` chunks in front of the slowest. */
  async function expectLimits(readers: StreamReader<RecordBatch>[], writer: StreamWriter): Promise<void> {
    const ahead = 3
    const total = 9
    let accepted = 0
    const writing = (async () => {
      for (; accepted < total; accepted += 1) await writer.append(numberedBatch(accepted, 16 * kib))
      await writer.finish()
    })()
    for (let read = 0; read < total; read += 1) {
      for (const reader of readers) {
        const most = Math.min(total, Math.max(0, read - 1) + ahead)
        await eventually(() => accepted >= most, `chunk ${most} to be accepted after ${read} were read`)
        for (let turns = 0; turns < 20; turns += 1) await turn()
        expect(accepted).to.equal(most)
        const { value } = await reader.next()
        expect(numberOf(value!)).to.equal(read)
        release(value)
      }
    }
    for (const reader of readers) expect((await reader.next()).done).to.equal(true)
    await writing
  }

  it('holds the writer by exactly its window in front of the slowest', async () => {
    const stream = await RecordBatchStream.create(client, { consumers: 2 })
    const readers = [await stream.openReader(), await stream.openReader()]
    await expectLimits(readers, await stream.openWriter(undefined, { window: { bytes: 48 * kib } }))
    await stream.drop()
  })

  it('keeps the writer waiting for a reader that has not come', async () => {
    const stream = await RecordBatchStream.create(client, { consumers: 2 })
    const writer = await stream.openWriter(undefined, { window: { chunks: 2 } })
    const first = numbersOf(await stream.openReader())
    for (let number = 0; number < 2; number += 1) await writer.append(numberedBatch(number, kib))
    let accepted = false
    const third = writer.append(numberedBatch(2, kib)).then(() => (accepted = true))
    for (let turns = 0; turns < 100; turns += 1) await turn()
    expect(accepted).to.equal(false)
    const second = numbersOf(await stream.openReader())
    await third
    await writer.finish()
    expect(await Promise.all([first, second])).to.deep.equal([upTo(3), upTo(3)])
    await stream.drop()
  })

  it('goes on when one reader is killed and another one closed, and fails the writer with the last', async () => {
    const stream = await RecordBatchStream.create(client, { consumers: 3 })
    const job = { socket: store.socket, stream: stream.id, chunks: 'keep', holdAfter: 2 }
    const child = new TestProcess('consumer', job)
    await child.next()
    const [closed, last] = [await stream.openReader(), await stream.openReader()]
    const writer = await stream.openWriter(undefined, { window: { chunks: 8 } })
    for (let number = 0; number < 3; number += 1) await writer.append(numberedBatch(number, kib))
    await child.next()
    await child.kill()
    await closed.close()
    for (let number = 3; number < 20; number += 1) {
      await writer.append(numberedBatch(number, kib))
      release((await last.next()).value)
    }
    const window = rejection(
      (async () => {
        for (;;) await writer.append(numberedBatch(20, kib))
      })()
    )
    await last.close()
    expect(await window).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
    await writer.close()
    await stream.drop()
  })

  it('with drop never holds the writer, and tells a slow reader what it has missed', async () => {
    const count = 100
    const stream = await RecordBatchStream.create(client, { consumers: 2, policy: 'drop' })
    const slow = await stream.openReader()
    // Large chunks are fetched one by one.
    const writer = await stream.openWriter(undefined, { window: { bytes: 1024 * kib } })
    for (let number = 0; number < count; number += 1) await writer.append(numberedBatch(number, 512 * kib))
    await writer.finish()
    const numbers = await numbersOf(slow)
    expect(numbers.at(-1)).to.equal(count - 1)
    expect(numbers).to.deep.equal([...new Set(numbers)].sort((a, b) => a - b))
    expect(slow.missed).to.be.above(count / 2)
    expect(slow.missed + numbers.length).to.equal(count)
    expect(stream.stats().chunksMissed).to.equal(slow.missed)
    // The other one never came, and finds what was left.
    const late = await stream.openReader()
    expect(await numbersOf(late)).to.deep.equal([count - 2, count - 1])
    expect(late.missed).to.equal(count - 2)
    await stream.drop()
  })

  it('with drop is not stopped by what idle readers have fetched ahead', async () => {
    const idle = 5
    const perRound = 20
    const stream = await RecordBatchStream.create(client, { consumers: idle + 1, policy: 'drop' })
    const writer = await stream.openWriter()
    let number = 0
    const round = async (): Promise<void> => {
      for (const end = number + perRound; number < end; number += 1)
        await writer.append(numberedBatch(number, 64 * kib))
    }
    const readers: StreamReader<RecordBatch>[] = []
    for (let count = 0; count < idle; count += 1) {
      // More than the window: each finds other chunks than the one before.
      await round()
      const reader = await stream.openReader()
      release((await reader.next()).value)
      readers.push(reader)
    }
    const healthy = await stream.openReader()
    for (let rounds = 0; rounds < 5; rounds += 1) await round()
    await writer.finish()
    const numbers = await numbersOf(healthy)
    expect(numbers.at(-1)).to.equal(number - 1)
    expect(healthy.missed + numbers.length).to.equal(number)
    for (const reader of readers) await reader.close()
    await stream.drop()
  })

  it('with evict leaves readers that have stopped only a part of the store', async () => {
    const idle = 6
    const perRound = 15
    const stream = await RecordBatchStream.create(client, { consumers: idle + 1, policy: 'evict' })
    const readers: StreamReader<RecordBatch>[] = []
    for (let count = 0; count <= idle; count += 1) readers.push(await stream.openReader())
    const healthy = numbersOf(readers.pop()!)
    // Each keeps up for one round more than the one before, and stops.
    const reading = readers.map(async (reader, rounds) => {
      for (let left = rounds * perRound; left > 0; left -= 1) release((await reader.next()).value)
    })
    const writer = await stream.openWriter(undefined, { window: { chunks: perRound + 1 } })
    let number = 0
    const round = async (): Promise<void> => {
      for (const end = number + perRound; number < end; number += 1)
        await writer.append(numberedBatch(number, 64 * kib))
    }
    for (const [stopped, reader] of readers.entries()) {
      await reading[stopped]
      await round()
      // All of the round is there to be fetched with it.
      release((await reader.next()).value)
    }
    // A quarter, and a chunk each.
    expect((await store.status()).leasedBytes).to.be.at.most((1024 + (idle + 1) * 65) * kib)
    await writer.finish()
    expect(await healthy).to.deep.equal(upTo(number))
    for (const reader of readers) await reader.close()
    await stream.drop()
  })

  it('with evict fails the reader that the others would have to wait for', async () => {
    const count = 50
    const stream = await RecordBatchStream.create(client, { consumers: 2, policy: 'evict' })
    const slow = await stream.openReader()
    const kept = (async () => (await slow.next()).value!)()
    const fast = numbersOf(stream.createReadStream())
    const writer = await stream.openWriter(undefined, { window: { chunks: 4 } })
    for (let number = 0; number < count; number += 1) await writer.append(numberedBatch(number, 16 * kib))
    await writer.finish()
    expect(await fast).to.deep.equal(upTo(count))
    // What it has is its own, and then it is told.
    expect(numberOf(await kept)).to.equal(0)
    release(await kept)
    const rest = await rejection(numbersOf(slow))
    expect(rest).to.have.property('code', 'ERR_VINEYARD_READER_EVICTED')
    expect(rest).to.have.property('statusName', 'ReaderEvicted')
    await stream.drop()
  })
})
