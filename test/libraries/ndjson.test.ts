import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import ndjson from 'ndjson'
import { dataset, Session } from './session.js'

describe('ndjson', () => {
  const session = Session.forSuite()

  it('carries objects as lines through a byte stream', async () => {
    const { out, into } = await session.bytes()
    const cars = JSON.parse(await readFile(dataset('cars.json'), 'utf8')) as unknown[]
    const seen: unknown[] = []
    await Promise.all([
      pipeline(Readable.from(cars), ndjson.stringify(), out.createWriteStream({ chunkSize: 4096 })),
      pipeline(into.createReadStream(), ndjson.parse(), async (source: AsyncIterable<unknown>) => {
        for await (const car of source) seen.push(car)
      })
    ])
    expect(seen).to.deep.equal(cars)
    expect(into.stats().chunksRead).to.be.above(5)
  })
})
