import { readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import {
  RecordBatchReader,
  RecordBatchStreamWriter,
  Table,
  tableFromIPC,
  type RecordBatch
} from 'apache-arrow'
import { expect } from 'chai'
import { release } from 'vineyard-streams'
import { dataset, Session, takenRows } from './session.js'

describe('apache-arrow', () => {
  const session = Session.forSuite()
  let flights: Table
  before(async () => {
    flights = tableFromIPC(await readFile(dataset('flights-200k.arrow')))
  })

  it('a Table goes in whole, and the batches that come out make the same Table', async () => {
    const { out, into } = await session.batches()
    const writing = pipeline([flights], out.createWriteStream())
    const batches: RecordBatch[] = []
    for await (const batch of into.createReadStream()) batches.push(batch)
    await writing
    const table = new Table(batches)
    expect(table.numRows).to.equal(flights.numRows)
    expect(table.schema.names).to.deep.equal(flights.schema.names)
    for (const name of flights.schema.names) {
      expect(sumOf(table, String(name)), String(name)).to.equal(sumOf(flights, String(name)))
    }
    for (const batch of batches) release(batch)
  })

  it('a RecordBatchReader of IPC bytes is a source, a RecordBatchStreamWriter takes what is read', async () => {
    const { out, into } = await session.batches()
    const part = flights.slice(0, 3000)
    const bytes = RecordBatchStreamWriter.writeAll(part.batches).toUint8Array(true)
    const writing = pipeline(RecordBatchReader.from(bytes), out.createWriteStream())
    const writer = new RecordBatchStreamWriter()
    const written: RecordBatch[] = []
    for await (const batch of into.createReadStream()) {
      writer.write(batch)
      written.push(batch)
    }
    writer.finish()
    await writing
    const back = tableFromIPC(writer.toUint8Array(true))
    // The writer copies nothing before its output is taken.
    for (const batch of written) release(batch)
    expect(back.batches.flatMap(takenRows)).to.deep.equal(part.batches.flatMap(takenRows))
  })
})

function sumOf(table: Table, name: string): number {
  let sum = 0
  for (const value of (table.getChild(name) ?? []) as Iterable<unknown>) sum += Number(value)
  return sum
}
