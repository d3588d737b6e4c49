import { Field, Int64, LargeList, LargeUtf8, Utf8, vectorFromArray, type RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import { ByteStream, RecordBatchStream, release, type Client } from 'vineyard-streams'
import { batchOf } from '../support/batches.js'
import { exactBatch } from '../support/exact.js'
import { rejection } from '../support/rejection.js'
import { memoryReturns } from '../support/settling.js'
import { onEveryWay } from '../support/subjects.js'

const params = { kind: 'test', test_name: 'stream_test' }
const chunks = 11

/** The columns that upstream's C++ clients send each other. */
function textsAndLists(): RecordBatch {
  const rows = Array.from({ length: 100 }, (_, row) => row)
  const list = new LargeList(new Field('item', new Int64(), true))
  return batchOf({
    f1: vectorFromArray(rows.map(String), new LargeUtf8()),
    f2: vectorFromArray(rows.map(BigInt), new Int64()),
    f3: vectorFromArray(
      rows.map(row => String(row * row)),
      new Utf8()
    ),
    f4: vectorFromArray(
      rows.map(row => [row, row + 1, row + 2].map(BigInt)),
      list
    )
  })
}

/** What upstream's own stream test does in C++, between clients of this package. */
onEveryWay('Upstream’s stream scenarios', '64Mi', bench => {
  let observer: Client
  let start: { memoryUsage: number; memoryLimit: number }

  before(async () => {
    observer = await bench.subject.connect(bench.server)
    start = await observer.status()
  })

  after(() => observer?.close())

  /** Every one of them leaves the server's memory as it was, without anybody dropping the stream. */
  afterEach(async () => {
    await memoryReturns(observer, start.memoryUsage)
    expect((await observer.status()).memoryLimit).to.equal(start.memoryLimit)
  })

  it('carries byte chunks of doubling size; each end can be opened once', async () => {
    const { id } = await ByteStream.create(observer, { params })

    async function receive(): Promise<number[]> {
      const stream = await (await bench.client()).get<ByteStream>(id)
      expect(stream.params).to.deep.equal(params)
      const reader = await stream.openReader()
      expect((await rejection(stream.openReader())).code).to.equal('ERR_VINEYARD_STREAM_OPENED')
      const sizes: number[] = []
      for await (const chunk of reader) {
        sizes.push(chunk.length)
        expect(chunk.every(byte => byte === sizes.length)).to.equal(true)
        release(chunk)
      }
      return sizes
    }

    async function send(): Promise<number[]> {
      const stream = await (await bench.client()).get<ByteStream>(id)
      const writer = await stream.openWriter()
      expect((await rejection(stream.openWriter())).code).to.equal('ERR_VINEYARD_STREAM_OPENED')
      const sizes: number[] = []
      for (let number = 1; number <= chunks; number += 1) {
        const memory = await writer.allocate(2 ** number)
        memory.fill(number)
        sizes.push(memory.length)
        await writer.append(memory)
      }
      await writer.finish()
      return sizes
    }

    const [received, sent] = await Promise.all([receive(), send()])
    expect(received).to.deep.equal(sent).and.to.have.length(chunks)
  })

  it('tells the reader of a stream that was aborted', async () => {
    const stream = await ByteStream.create(observer, { params })
    const reader = await stream.openReader()
    const writer = await stream.openWriter()
    await writer.fail()
    expect((await rejection(reader.next())).code).to.equal('ERR_VINEYARD_STREAM_FAILED')
  })

  it('carries an empty chunk, and after it the end', async () => {
    const stream = await ByteStream.create(observer, { params })
    const reader = await stream.openReader()
    const writer = await stream.openWriter()
    await writer.append(Buffer.alloc(0))
    await writer.finish()
    const { done, value } = await reader.next()
    expect(done).to.equal(false)
    expect(value).to.have.length(0)
    expect(await reader.next()).to.deep.equal({ done: true, value: undefined })
  })

  it('carries batches of large_utf8, int64, utf8 and large_list; each end can be opened once', async () => {
    const { id } = await RecordBatchStream.create(observer, { params })
    const batch = textsAndLists()
    const expected = exactBatch(batch)

    async function receive(): Promise<number> {
      const stream = await (await bench.client()).get<RecordBatchStream>(id)
      const reader = await stream.openReader()
      expect((await rejection(stream.openReader())).code).to.equal('ERR_VINEYARD_STREAM_OPENED')
      let received = 0
      for await (const chunk of reader) {
        expect(exactBatch(chunk)).to.deep.equal(expected)
        release(chunk)
        received += 1
      }
      return received
    }

    async function send(): Promise<void> {
      const stream = await (await bench.client()).get<RecordBatchStream>(id)
      const writer = await stream.openWriter()
      expect((await rejection(stream.openWriter())).code).to.equal('ERR_VINEYARD_STREAM_OPENED')
      for (let number = 1; number <= chunks; number += 1) await writer.append(batch)
      await writer.finish()
    }

    const [received] = await Promise.all([receive(), send()])
    expect(received).to.equal(chunks)
  })
})
