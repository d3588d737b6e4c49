import { pipeline } from 'node:stream/promises'
import { tableFromArrays, tableFromIPC, tableToIPC, Table, type RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import pl from 'nodejs-polars'
import { Session, takenRows } from './session.js'
import { release } from 'vineyard-streams'

describe('nodejs-polars', () => {
  const session = Session.forSuite()

  it('reads batches as data frames, and its data frames go into a stream', async () => {
    const first = await session.batches()
    const second = await session.batches()
    const numbers = Float64Array.from({ length: 300 }, (_, row) => row)
    const source = [0, 1, 2].map(
      part => tableFromArrays({ part: new Int32Array(300).fill(part), x: numbers }).batches[0] as RecordBatch
    )
    const doubled = async function* (batches: AsyncIterable<RecordBatch>): AsyncGenerator<Table> {
      for await (const batch of batches) {
        const frame = pl.readIPCStream(Buffer.from(tableToIPC(new Table([batch]), 'stream')))
        release(batch)
        yield tableFromIPC(frame.withColumns(pl.col('x').mul(2).alias('y')).writeIPCStream())
      }
    }
    await Promise.all([
      pipeline(source, first.out.createWriteStream()),
      pipeline(first.into.createReadStream(), doubled, second.out.createWriteStream()),
      (async () => {
        const seen: unknown[] = []
        for await (const batch of second.into.createReadStream()) seen.push(...takenRows(batch))
        expect(seen).to.deep.equal([0, 1, 2].flatMap(part => [...numbers].map(x => ({ part, x, y: 2 * x }))))
      })()
    ])
  })
})
