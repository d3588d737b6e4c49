import { pipeline as corePipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import * as streams from 'readable-stream'
import { Session, someBatches, someValues, taken } from './session.js'

describe('readable-stream', () => {
  const session = Session.forSuite()
  const pipeline = promisify(streams.pipeline) as (...parts: unknown[]) => Promise<void>

  it('its pipeline(), Readable and Transform on both sides', async () => {
    const { out, into } = await session.batches()
    const source = new streams.Readable({ objectMode: true, highWaterMark: 1, read() {} })
    for (const batch of someBatches(8)) source.push(batch)
    source.push(null)
    const toValues = new streams.Transform({
      objectMode: true,
      transform: (batch: RecordBatch, _encoding, done) => done(null, taken(batch))
    })
    const seen: unknown[] = []
    const collect = new streams.Writable({
      objectMode: true,
      write(values: unknown, _encoding: string, done: () => void) {
        seen.push(values)
        done()
      }
    })
    await Promise.all([
      pipeline(source, out.createWriteStream()),
      pipeline(into.createReadStream(), toValues, collect)
    ])
    expect(seen).to.deep.equal(someValues(8))
  })

  it('its streams in a pipeline() of Node', async () => {
    const { out, into } = await session.batches()
    const through = new streams.PassThrough({ objectMode: true })
    const writing = corePipeline(someBatches(3), through, out.createWriteStream())
    const seen: unknown[] = []
    for await (const batch of into.createReadStream()) seen.push(taken(batch))
    await writing
    expect(seen).to.deep.equal(someValues(3))
  })
})
