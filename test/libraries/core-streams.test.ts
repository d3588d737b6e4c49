import * as streams from 'node:stream'
import { addAbortSignal, finished, PassThrough, Readable, Transform, type Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import { release } from 'vineyard-streams'
import { rejection } from '../support/rejection.js'
import { Session, someBatches, someValues, taken } from './session.js'

/** Types of Node 20 do not know it. */
const { compose } = streams as unknown as { compose: (...parts: unknown[]) => Duplex }

describe('Core streams', () => {
  const session = Session.forSuite()

  /** Writes `count` batches and answers the reading end. */
  async function reading(count: number): Promise<Readable> {
    const { out, into } = await session.batches()
    pipeline(someBatches(count), out.createWriteStream()).catch(() => {})
    return into.createReadStream()
  }

  it('pipeline() with generators and transforms on both sides', async () => {
    const { out, into } = await session.batches()
    const seen: unknown[] = []
    const doubled = async function* (source: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch> {
      for await (const batch of source) {
        yield batch
        yield batch
      }
    }
    await Promise.all([
      pipeline(Readable.from(someBatches(5)), doubled, out.createWriteStream()),
      pipeline(into.createReadStream(), new PassThrough({ objectMode: true }), async source => {
        for await (const batch of source) seen.push(taken(batch as RecordBatch))
      })
    ])
    expect(seen).to.deep.equal(someValues(5).flatMap(values => [values, values]))
  })

  it('compose() of the writing and of the reading end', async () => {
    const { out, into } = await session.batches()
    const passing = (): Transform =>
      new Transform({ objectMode: true, transform: (chunk, _encoding, done) => done(null, chunk) })
    const writing = compose(passing(), out.createWriteStream())
    const sent = pipeline(someBatches(4), writing)
    const seen: unknown[] = []
    for await (const batch of compose(into.createReadStream(), passing()))
      seen.push(taken(batch as RecordBatch))
    await sent
    expect(seen).to.deep.equal(someValues(4))
  })

  it('finished() tells the end of both ends, and a failure', async () => {
    const { out, into } = await session.batches()
    const writable = out.createWriteStream()
    const readable = into.createReadStream()
    const ends = [promisify(finished)(writable), promisify(finished)(readable)]
    writable.end([...someBatches(1)][0] as RecordBatch)
    readable.on('data', (batch: RecordBatch) => release(batch))
    await Promise.all(ends)

    const failing = await session.batches()
    const reader = failing.into.createReadStream()
    reader.resume()
    const writer = failing.out.createWriteStream()
    writer.on('error', () => {})
    const failed = rejection(promisify(finished)(reader))
    await new Promise(resolve => writer.write([...someBatches(1)][0] as RecordBatch, resolve))
    writer.destroy(new Error('on purpose'))
    expect(await failed).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
  })

  it('Readable.from() of batches as a source, addAbortSignal() as the end', async () => {
    const { out, into } = await session.batches()
    const controller = new AbortController()
    const writable = addAbortSignal(controller.signal, out.createWriteStream())
    const writing = rejection(promisify(finished)(writable))
    await pipeline(Readable.from(someBatches(1)), writable, { end: false })
    const reader = await into.openReader()
    const { value } = await reader.next()
    expect(taken(value as RecordBatch)).to.deep.equal(someValues(1)[0])
    controller.abort()
    expect(await writing).to.have.property('code', 'ABORT_ERR')
    expect(await rejection(reader.next())).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
    await reader.close()
  })

  it('.map(), .filter() and .toArray()', async () => {
    const rows = await (
      await reading(6)
    )
      .map((batch: RecordBatch) => taken(batch))
      .filter(({ a }: Record<string, unknown[]>) => (a as bigint[])[0]! % 2n === 0n)
      .toArray()
    expect(rows).to.deep.equal(someValues(6).filter((_, index) => index % 2 === 0))
  })

  it('.toArray() alone: chunks stay intact', async () => {
    const batches = (await (await reading(10)).toArray()) as RecordBatch[]
    expect(batches.map(taken)).to.deep.equal(someValues(10))
  })

  it('.take() ends the stream early and gives it up', async () => {
    const { out, into } = await session.batches()
    const writing = rejection(pipeline(someBatches(1000), out.createWriteStream({ window: { chunks: 2 } })))
    const readable = into.createReadStream() as unknown as Readable
    const batches = (await readable.take(3).toArray()) as RecordBatch[]
    expect(batches.map(taken)).to.deep.equal(someValues(3))
    expect(await writing).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
  })
})
