import * as arrow from 'apache-arrow'
import type { Data, Vector } from 'apache-arrow'
import { expect } from 'chai'
import fc from 'fast-check'
import { OpaqueObject } from '#dist/objects/opaque.js'
import { describe as describeValue, read } from '#dist/objects/registry.js'
import { columnOf, kinds, plainValues } from '../support/columns.js'
import { contextOf, materialise, readBack } from '../support/memory-store.js'

/** What comes back of types that have no array of their own in upstream. */
const widened: Record<string, string> = {
  utf8: 'LargeUtf8',
  binary: 'LargeBinary',
  list: 'LargeList<Int32>',
  largeList: 'LargeList<LargeUtf8>',
  listOfLists: 'LargeList<LargeList<Bool>>',
  listOfTimes: 'LargeList<Timestamp<MILLISECOND>>'
}

describe('Arrow arrays by themselves', () => {
  for (const kind of Object.keys(kinds)) {
    it(`keep values of ${kind}`, () => {
      fc.assert(
        fc.property(columnOf(kind), ({ type, data }) => {
          const vector = readBack(describeValue(new arrow.Vector([data]))) as Vector
          expect(plainValues(vector.data[0] as Data)).to.deep.equal(plainValues(data))
          expect(vector.type.toString()).to.equal(widened[kind] ?? type.toString())
        }),
        { numRuns: 30 }
      )
    })
  }

  it('keep their chunks', () => {
    const vector = arrow
      .vectorFromArray([1, null], new arrow.Int32())
      .concat(arrow.vectorFromArray([3], new arrow.Int32()))
    const again = readBack(describeValue(vector)) as Vector
    expect(again.data).to.have.length(2)
    expect([...again]).to.deep.equal([1, null, 3])
  })

  it('are opaque if a single byte of their pickle is another', () => {
    const type = new arrow.Struct([new arrow.Field('a', new arrow.Int32(), true)])
    const { meta, blobs } = materialise(describeValue(arrow.vectorFromArray([{ a: 1 }, null], type)))
    const [[id, bytes]] = [...blobs] as [[never, Uint8Array]]
    const ipc = Buffer.from(bytes).indexOf(Buffer.of(0xff, 0xff, 0xff, 0xff))
    expect(ipc % 64).to.equal(0)
    for (const at of [0, 1, 3, ipc - 20, ipc - 9, ipc - 1, bytes.length - 1, bytes.length - 7]) {
      const changed = bytes.slice()
      changed[at] = (changed[at] as number) ^ 1
      const value = read(meta, contextOf({ meta, blobs: new Map([[id, changed]]) }))
      expect(value, `byte ${at}`).to.be.instanceOf(OpaqueObject)
    }
  })
})
