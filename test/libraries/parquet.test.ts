import { readFile, writeFile } from 'node:fs/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Table, tableFromArrays, tableFromIPC, tableToIPC, type RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import * as parquet from 'parquet-wasm/node'
import { release } from 'vineyard-streams'
import { Session, takenRows } from './session.js'

describe('parquet-wasm', () => {
  const session = Session.forSuite()

  it('a stream goes into a parquet file and comes out of it again', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vineyard-parquet-'))
    try {
      const file = join(directory, 'table.parquet')
      const columns = {
        id: Int32Array.from({ length: 500 }, (_, row) => row),
        name: Array(500).fill('a name')
      }
      const { batches: made } = tableFromArrays(columns)
      const source = [...made, ...made, ...made]

      const first = await session.batches()
      const writing = pipeline(source, first.out.createWriteStream())
      const batches: RecordBatch[] = []
      for await (const batch of first.into.createReadStream()) batches.push(batch)
      await writing
      const written = parquet.Table.fromIPCStream(tableToIPC(new Table(batches), 'stream'))
      await writeFile(file, parquet.writeParquet(written))
      const sent = batches.flatMap(takenRows)
      for (const batch of batches) release(batch)

      const second = await session.batches()
      const table = tableFromIPC(parquet.readParquet(await readFile(file)).intoIPCStream())
      const again = pipeline([table], second.out.createWriteStream())
      const seen: unknown[] = []
      for await (const batch of second.into.createReadStream()) seen.push(...takenRows(batch))
      await again
      expect(seen).to.deep.equal(sent).and.have.lengthOf(1500)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
