// A query over a live stream: DuckDB sees each batch as it comes, long before the stream ends.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DOUBLE, DuckDBDataChunk, DuckDBInstance, INTEGER } from '@duckdb/node-api'
import { tableFromArrays } from 'apache-arrow'
import { connect, RecordBatchStream, release, Store } from 'vineyard-streams'

const store = await Store.start({ size: '64Mi' })
const client = await connect(store.socket)
const stream = await RecordBatchStream.create(client)

const rows = 2000 // a DuckDB chunk holds 2048
const measurements = (function* () {
  for (let sensor = 0; sensor < 5; sensor += 1) {
    const value = Float64Array.from({ length: rows }, (_, row) => sensor + row / rows)
    yield tableFromArrays({ sensor: new Int32Array(rows).fill(sensor), value }).batches[0]
  }
})()
const writing = pipeline(Readable.from(measurements, { highWaterMark: 1 }), stream.createWriteStream())

const database = await DuckDBInstance.create(':memory:')
const connection = await database.connect()
await connection.run('create table measurements (sensor integer, value double)')
const appender = await connection.createAppender('measurements')
for await (const batch of stream.createReadStream()) {
  const chunk = DuckDBDataChunk.create([INTEGER, DOUBLE])
  chunk.setColumns([[...batch.getChild('sensor')], [...batch.getChild('value')]])
  release(batch)
  appender.appendDataChunk(chunk)
  appender.flushSync()
  const answer = await connection.runAndReadAll(
    'select count(distinct sensor)::integer, round(max(value), 2) from measurements'
  )
  console.log('sensors, highest value so far:', ...answer.getRows()[0])
}
await writing
appender.closeSync()
connection.closeSync()
await client.close()
await store.close()
