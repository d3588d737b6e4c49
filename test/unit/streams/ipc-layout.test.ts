import { RecordBatchReader, Table, type Data, type RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import fc from 'fast-check'
import type { BlobDraft } from '#dist/objects/model.js'
import { readIpc } from '#dist/objects/arrow/ipc.js'
import { IpcDrafts } from '#dist/streams/ipc-drafts.js'
import { IpcLayout } from '#dist/streams/ipc-layout.js'
import { batchOf, columnOf, kinds, plainValues, type Column } from '../objects/support/columns.js'

const notFlat = /list|struct|map|dictionary|union|null|decimal|interval|view|large|fixedSize/i

function bytesOf(draft: BlobDraft): Uint8Array {
  const bytes = new Uint8Array(draft.size)
  draft.fill(bytes)
  expect(Buffer.concat(draft.pieces ?? [bytes]).equals(bytes)).to.equal(true)
  return bytes
}

function columnsOf(batch: RecordBatch | undefined): unknown[][] {
  return (batch?.data.children as readonly Data[]).map(column => plainValues(column))
}

function batchFrom(columns: readonly Column[]): RecordBatch {
  return batchOf(
    columns,
    columns.map((_, i) => `c${i}`)
  )
}

/** The layout of a batch; undefined where there is none for its schema. */
function layoutOf({ schema, data }: RecordBatch): IpcLayout | undefined {
  return IpcLayout.of(
    schema,
    (data.children as readonly Data[]).map(({ type }) => type)
  )
}

describe('Arrow IPC streams of one schema', () => {
  for (const kind of Object.keys(kinds)) {
    it(`${kind} columns come back from this package's reader and from apache-arrow's`, () => {
      const drafts = new IpcDrafts()
      fc.assert(
        fc.property(columnOf('bool', 9), columnOf(kind, 9), columnOf('utf8', 9), (...columns) => {
          const batch = batchFrom(columns)
          const bytes = bytesOf(drafts.of(batch))
          const expected = columns.map(({ data }) => plainValues(data))
          // The second time the schema is known.
          for (let i = 0; i < 2; i += 1) expect(columnsOf(readIpc(bytes)[0])).to.deep.equal(expected)
          expect(columnsOf([...RecordBatchReader.from(bytes)][0])).to.deep.equal(expected)
        }),
        { numRuns: 60 }
      )
    })
  }

  it('the schema is encoded and decoded once where all columns are flat', () => {
    for (const kind of Object.keys(kinds)) {
      // A slice of texts has offsets that begin elsewhere, and what is all null has no values: both are left to apache-arrow.
      const column = fc
        .sample(columnOf(kind, 6), 200)
        .find(
          ({ data }) => kind === 'null' || (data.nullCount < 6 && Number(data.valueOffsets?.[0] ?? 0) === 0)
        )
      const batch = batchFrom([column as Column])
      const layout = layoutOf(batch)
      expect(layout === undefined, kind).to.equal(notFlat.test(kind))
      if (layout === undefined) continue
      const bytes = bytesOf(layout.draft(batch) as BlobDraft)
      readIpc(bytes)
      const [first, second] = [bytes, bytes.slice()].map(copy => readIpc(copy)[0]?.schema)
      expect(second, kind).to.equal(first)
    }
  })

  it('every number of rows has its place in the message', () => {
    const [whole] = fc.sample(fc.tuple(columnOf('int16', 5000), columnOf('bool', 5000)), 1)
    const batch = batchFrom(whole as Column[])
    const drafts = new IpcDrafts()
    for (const rows of [0, 1, 7, 8, 9, 63, 64, 65, 4999]) {
      for (const part of [batch.slice(0, rows), batch.slice(5000 - rows)]) {
        const [read] = readIpc(bytesOf(drafts.of(part)))
        expect(read?.numRows).to.equal(rows)
        expect(new Table(read as RecordBatch).toArray().map(String)).to.deep.equal(
          new Table(part).toArray().map(String)
        )
      }
    }
  })

  it('a column without the bytes its rows need is left to apache-arrow', () => {
    const column = fc.sample(columnOf('int32', 4), 200).find(({ data }) => data.nullCount === 0) as Column
    const batch = batchFrom([column])
    const layout = layoutOf(batch) as IpcLayout
    expect(layout.draft(batch)).to.not.equal(undefined)
    Object.assign(batch.data.children[0] as object, { values: new Int32Array(3) })
    expect(layout.draft(batch)).to.equal(undefined)
  })
})
