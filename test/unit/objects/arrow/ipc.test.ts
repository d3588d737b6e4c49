import * as arrow from 'apache-arrow'
import type { Data } from 'apache-arrow'
import { expect } from 'chai'
import fc from 'fast-check'
import { readIpc, writeIpc } from '#dist/objects/arrow/ipc.js'
import { checkIpc } from '#dist/objects/arrow/ipc-check.js'
import { IpcError } from '#dist/objects/arrow/ipc-error.js'
import { ownData } from '#dist/objects/arrow/own-types.js'
import { RowBatch } from '#dist/objects/arrow/row-batch.js'
import { batchOf, columnOf, kinds, plainValues } from '../support/columns.js'
import type { Column } from '../support/columns.js'

function encode(columns: readonly Column[]): Uint8Array {
  const { schema, numRows } = batchOf(
    columns,
    columns.map((_, i) => `c${i}`)
  )
  const own = columns.map(({ data }) => ownData(data))
  return writeIpc([new RowBatch(schema, schema.fields, own, numRows, undefined)])
}

/** Reads a stream and all values in it; only IpcError may come of reading it. */
function readAll(bytes: Uint8Array): void {
  let columns: readonly Data[]
  try {
    columns = readIpc(bytes).flatMap(batch => batch.data.children as readonly Data[])
  } catch (error) {
    expect(error).to.be.instanceOf(IpcError)
    return
  }
  for (const column of columns) {
    // Rows that take no memory, like those of a type that the damage has made null, may be as many as they say: only a look at
    // all of them would take some.
    if (column.length > 1_000_000) continue
    try {
      plainValues(column)
    } catch (error) {
      // Values that are no dates, or views of buffers that are not there: errors of apache-arrow.
      expect((error as Error).message).to.match(/not safe to convert|BinaryView|Invalid|undefined/)
    }
  }
}

describe('Arrow IPC', () => {
  for (const kind of Object.keys(kinds)) {
    it(`keeps ${kind}, and stays orderly when it is damaged`, () => {
      const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 })
      fc.assert(
        fc.property(columnOf(kind, 5), damage, fc.nat(), (column, changes, cut) => {
          const bytes = encode([column])
          const [batch] = readIpc(bytes)
          expect(plainValues(batch?.data.children[0] as Data)).to.deep.equal(plainValues(column.data))
          const damaged = bytes.slice()
          for (const [at, byte] of changes) damaged[at % damaged.length] = byte
          readAll(damaged)
          readAll(bytes.slice(0, cut % bytes.length))
        }),
        { numRuns: 150 }
      )
    })
  }

  it('refuses counts that would keep a decoder busy', () => {
    const bytes = encode([fc.sample(columnOf('int32', 2), 1)[0] as Column])
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let refused = 0
    for (let at = 8; at + 4 <= view.getInt32(4, true); at += 4) {
      const before = view.getUint32(at, true)
      view.setUint32(at, 0x7fffffff, true)
      try {
        checkIpc(bytes)
      } catch (error) {
        expect(error).to.be.instanceOf(IpcError)
        refused += 1
      }
      view.setUint32(at, before, true)
    }
    expect(refused).to.be.greaterThan(10)
    readAll(bytes)
  })

  it('refuses what is no stream', () => {
    const file = arrow.tableToIPC(new arrow.Table({ a: arrow.vectorFromArray([1]) }), 'file')
    for (const bytes of [new Uint8Array(0), new Uint8Array(4), Buffer.from('hello world'), file]) {
      expect(() => readIpc(bytes)).to.throw(IpcError)
    }
  })
})
