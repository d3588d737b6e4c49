import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import { RecordBatchStream } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { batchOfColumns, columns, inPython, nullableColumns } from './columns.js'
import { plainColumns } from './plain.js'
import { withPythonFromAfar } from './session.js'

withPythonFromAfar('RecordBatchStream from Node to Python', '64Mi', (bench, python) => {
  for (const as of ['recordbatch', 'dataframe'] as const) {
    async function transfer(batches: RecordBatch[], options: object = {}): Promise<any[]> {
      const stream = await RecordBatchStream.create(await bench.client())
      const [{ chunks, end }] = await Promise.all([
        python.call('streams.read', { stream: stream.id }),
        pipeline(Readable.from(batches), stream.createWriteStream({ as, ...options }))
      ])
      expect(end).to.equal('StopIteration')
      return chunks
    }

    describe(`as: '${as}'`, () => {
      it('carries every type', async () => {
        expect(await transfer([batchOfColumns(columns)])).to.deep.equal([inPython(columns, as)])
      })

      it('carries nulls', async () => {
        expect(await transfer([batchOfColumns(nullableColumns)])).to.deep.equal([
          inPython(nullableColumns, as)
        ])
      })

      it('carries a batch without rows', async () => {
        const empty = batchOfColumns(columns).slice(0, 0)
        expect(await transfer([empty])).to.deep.equal([inPython(columns, as, 0, 0)])
      })

      it('carries slices, whose bits and texts start in the middle', async () => {
        const slices = [columns, nullableColumns].map(of => batchOfColumns(of).slice(3, 7))
        const expected = [columns, nullableColumns].map(of => inPython(of, as, 3, 7))
        // In a frame the type of a column depends on whether this part of it has nulls: rows 3 to 7 have one.
        expect(await transfer(slices, { sameSchema: false })).to.deep.equal(expected)
      })

      it('carries several batches in their order', async () => {
        const batches = Array.from({ length: 12 }, (_, index) => seedBatch(index, 100 + index))
        const chunks = await transfer(batches)
        expect(chunks.map(chunk => chunk.columns)).to.deep.equal(batches.map(plainColumns))
      })
    })
  }
})
