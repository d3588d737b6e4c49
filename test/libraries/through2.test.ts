import { pipeline } from 'node:stream/promises'
import type { RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import through2 from 'through2'
import { Session, someBatches, someValues, taken } from './session.js'

describe('through2', () => {
  const session = Session.forSuite()

  it('transforms batches before they are written and after they were read', async () => {
    const { out, into } = await session.batches()
    const everySecond = (): NodeJS.ReadWriteStream => {
      let index = 0
      return through2.obj((batch, _encoding, done) => (index++ % 2 === 0 ? done(null, batch) : done()))
    }
    const writing = pipeline(someBatches(9), everySecond(), out.createWriteStream())
    const seen: unknown[] = []
    const collect = through2.obj((batch, _encoding, done) => {
      seen.push(taken(batch as RecordBatch))
      done()
    })
    await pipeline(into.createReadStream(), collect)
    await writing
    expect(seen).to.deep.equal(someValues(9).filter((_, index) => index % 2 === 0))
  })
})
