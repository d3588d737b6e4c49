import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  DOUBLE,
  DuckDBDataChunk,
  DuckDBInstance,
  INTEGER,
  VARCHAR,
  type DuckDBConnection,
  type DuckDBValue
} from '@duckdb/node-api'
import { tableFromArrays, type RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import { release } from 'vineyard-streams'
import { Session, takenRows } from './session.js'

const rows = 5000

function* trades(): Generator<RecordBatch> {
  for (let from = 0; from < rows; from += 1000) {
    const ids = Int32Array.from({ length: 1000 }, (_, row) => from + row)
    yield tableFromArrays({
      id: ids,
      price: Float64Array.from(ids, id => id / 4),
      name: [...ids].map(id => `n${id % 7}`)
    }).batches[0] as RecordBatch
  }
}

describe('DuckDB', () => {
  const session = Session.forSuite()
  let connection: DuckDBConnection
  before(async () => {
    connection = await (await DuckDBInstance.create(':memory:')).connect()
  })
  after(() => connection?.closeSync())

  it('reads batches into a table while they come, and its results go into a stream', async () => {
    const first = await session.batches()
    const writing = pipeline(trades(), first.out.createWriteStream())
    await connection.run('create table trades (id integer, price double, name varchar)')
    const appender = await connection.createAppender('trades')
    for await (const batch of first.into.createReadStream()) {
      for (let from = 0; from < batch.numRows; from += 2048) {
        const part = batch.slice(from, Math.min(from + 2048, batch.numRows))
        const chunk = DuckDBDataChunk.create([INTEGER, DOUBLE, VARCHAR])
        chunk.setColumns(
          part.schema.fields.map((_, index) => [...(part.getChildAt(index) ?? [])] as DuckDBValue[])
        )
        appender.appendDataChunk(chunk)
      }
      release(batch)
    }
    appender.closeSync()
    await writing

    const second = await session.batches()
    const result = await connection.stream(
      'select name, count(*)::integer as n, sum(price) as total from trades group by name order by name'
    )
    const batches = Readable.from(
      (async function* () {
        for await (const chunk of result) {
          const [names, counts, totals] = chunk.getColumns() as [string[], number[], number[]]
          yield tableFromArrays({ name: names, n: Int32Array.from(counts), total: Float64Array.from(totals) })
            .batches[0]
        }
      })()
    )
    const answering = pipeline(batches, second.out.createWriteStream())
    const seen: unknown[] = []
    for await (const batch of second.into.createReadStream()) seen.push(...takenRows(batch))
    await answering
    const expected = Array.from({ length: 7 }, (_, index) => {
      const ids = Array.from({ length: rows }, (_, id) => id).filter(id => id % 7 === index)
      return { name: `n${index}`, n: ids.length, total: ids.reduce((sum, id) => sum + id / 4, 0) }
    })
    expect(seen).to.deep.equal(expected)
  })
})
