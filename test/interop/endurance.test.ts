import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import { ByteStream, RecordBatchStream, release } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { Python, withPython } from './session.js'

const chunks = 500
const rows = 1000
const seeds = Array.from({ length: chunks }, (_, seed) => seed)

/** As `checksum` of python/values.py. */
function checksum(batch: RecordBatch): number {
  const a = batch.getChild('a')!.toArray() as BigInt64Array
  const b = batch.getChild('b')!.toArray() as Float64Array
  const c = Uint8Array.from(batch.getChild('c')!, Number)
  return [a, b, c].reduce((total, values) => crc32(values, total), 0)
}

let expected: readonly number[]

withPython('Many chunks shared with Python', '16Mi', (bench, python) => {
  before(() => {
    expected ??= seeds.map(seed => checksum(seedBatch(seed, rows)))
  })

  it('arrive from Node in Python', async () => {
    const stream = await RecordBatchStream.create(await bench.client())
    const batches = Readable.from(
      (function* () {
        for (const seed of seeds) yield seedBatch(seed, rows)
      })(),
      { highWaterMark: 1 }
    )
    const [read] = await Promise.all([
      python.call('streams.checksums', { stream: stream.id }),
      pipeline(batches, stream.createWriteStream())
    ])
    expect(read).to.deep.equal({ chunks: expected, end: 'StopIteration' })
  })

  it('arrive from Python in Node', async () => {
    const stream = await RecordBatchStream.create(await bench.client())
    const sums: number[] = []
    const read = async (): Promise<void> => {
      for await (const batch of stream.createReadStream()) {
        sums.push(checksum(batch))
        release(batch)
      }
    }
    const produce = async (): Promise<void> => {
      await python.call('streams.produce', { stream: stream.id, first: 0, count: chunks, rows })
      await python.call('streams.finish', { stream: stream.id })
    }
    await Promise.all([read(), produce()])
    expect(sums).to.deep.equal(expected)
  })

  it('arrive from Node in Python when they need more memory than there is', async () => {
    const stream = await ByteStream.create(await bench.client())
    const buffers = Array.from({ length: 64 }, (_, index) => Buffer.alloc(2 ** 20, index))
    const [read] = await Promise.all([
      python.call('streams.checksums', { stream: stream.id }),
      pipeline(Readable.from(buffers), stream.createWriteStream({ objectMode: true }))
    ])
    expect(read).to.deep.equal({ chunks: buffers.map(buffer => crc32(buffer)), end: 'StopIteration' })
  })

  if (!bench.subject.store) return

  // A vineyardd frees a chunk when the next is pulled, and Python then looks at what is written there later.
  it('stay intact in a Python reader that keeps the newest', async () => {
    const stream = await RecordBatchStream.create(await bench.client())
    const few = 40
    const batches = seeds.slice(0, few).map(seed => seedBatch(seed, rows))
    const [read] = await Promise.all([
      python.call('streams.kept_checksums', { stream: stream.id }),
      pipeline(Readable.from(batches), stream.createWriteStream())
    ])
    expect(read).to.deep.equal(expected.slice(0, few))
  })

  // To Python the store is the same with and without extensions.
  if (bench.subject.name !== 'the embedded store') return

  const consumer = new Python(bench)
  afterEach(() => consumer.session.settle())
  after(() => consumer.session.kill())

  it('arrive from Python in Python', async () => {
    const stream: string = await python.call('streams.new', { kind: 'RecordBatchStream' })
    const produce = async (): Promise<void> => {
      await python.call('streams.produce', { stream, first: 0, count: chunks, rows, frames: true })
      await python.call('streams.finish', { stream })
    }
    const [read] = await Promise.all([consumer.call('streams.checksums', { stream }), produce()])
    expect(read).to.deep.equal({ chunks: expected, end: 'StopIteration' })
  })

  it('arrive from Python in Python when they need more memory than there is', async () => {
    // 500 chunks of 68,000 bytes are 34 MB. Python has no backpressure: consumer and producer take turns.
    const many = 4000
    const turn = 50
    const client = await bench.client()
    const before = (await client.status()).memoryUsage
    const stream: string = await python.call('streams.new', { kind: 'RecordBatchStream' })
    for (let first = 0; first < chunks; first += turn) {
      await python.call('streams.produce', { stream, first, count: turn, rows: many })
      const read = await consumer.call('streams.checksums', { stream, limit: turn })
      const sums = await python.call('streams.checksums_of', { first, count: turn, rows: many })
      expect(read).to.deep.equal({ chunks: sums, end: null })
    }
    await python.call('streams.finish', { stream })
    expect(await consumer.call('streams.checksums', { stream })).to.deep.equal({
      chunks: [],
      end: 'StopIteration'
    })
    // The store keeps what a foreign reader may still look at: an eighth of it at most.
    const { memoryUsage, memoryLimit } = await client.status()
    expect(memoryUsage).to.be.at.most(Number(before) + Number(memoryLimit) / 8)
  })
})
