import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { Bool, Float64, Int32, makeData, RecordBatch, Schema, Struct, Field, type Data } from 'apache-arrow'
import { InlineObject } from '#dist/client/inline-object.js'
import { ChunkForm } from '#dist/client/chunk-form.js'
import { CopiedMemory } from '#dist/memory/copied-memory.js'
import { release } from '#dist/memory/lease.js'
import { BatchLayouts } from '#dist/streams/batch-layout.js'
import { valuesOf } from '../../support/batches.js'

const instanceId = 7

/** A chunk as a reader receives it. */
function packed(batch: RecordBatch): { chunk: InlineObject; bytes: Uint8Array<ArrayBuffer> } {
  const layout = new BatchLayouts(instanceId).of(batch)!
  const bytes = new Uint8Array(layout.size).fill(0xaa)
  const put = (at: number, source: Uint8Array): void => bytes.set(source, at)
  layout.write({ put, fill: (at, size, fill) => fill(bytes.subarray(at, at + size)) }, 0)
  const place = { id: 'o8000000000000001', storeFd: 1, offset: 0, size: layout.size } as never
  return { chunk: new InlineObject(place['id'], place, false, new ChunkForm(layout.template)), bytes }
}

function batchWith(rows: number, nulls: boolean): RecordBatch {
  const nullBitmap = Uint8Array.from({ length: Math.ceil(rows / 8) }, (_, i) => (i * 37) & 0xff)
  const withNulls = nulls ? { nullBitmap } : { nullCount: 0 }
  const columns: Data[] = [
    makeData({
      type: new Int32(),
      length: rows,
      data: Int32Array.from({ length: rows }, (_, i) => i),
      ...withNulls
    }),
    makeData({ type: new Float64(), length: rows, nullCount: 0, data: new Float64Array(rows).fill(0.5) }),
    makeData({
      type: new Bool(),
      length: rows,
      data: new Uint8Array(Math.ceil(rows / 8)).fill(0x35),
      ...withNulls
    })
  ]
  const schema = new Schema(columns.map(({ type }, i) => new Field(`c${i}`, type, true)))
  const data = makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children: columns })
  return new RecordBatch(schema, data)
}

describe('packed batches', () => {
  for (const rows of [0, 1, 2, 7, 8, 9, 1000]) {
    for (const nulls of [false, true]) {
      it(`come back as they were: ${rows} rows${nulls ? ' with nulls' : ''}, and slices of them`, () => {
        const whole = batchWith(rows, nulls)
        for (const batch of [whole, whole.slice(Math.floor(rows / 3)), whole.slice(0, Math.ceil(rows / 2))]) {
          const { chunk, bytes } = packed(batch)
          const read = chunk.readBatch(bytes, undefined)!
          expect(read).to.be.instanceOf(RecordBatch)
          expect(read.numRows).to.equal(batch.numRows)
          expect(valuesOf(read)).to.deep.equal(valuesOf(batch))
          expect(read.data.children.map(({ nullCount }) => nullCount)).to.deep.equal(
            batch.data.children.map(({ nullCount }) => nullCount)
          )
        }
      })
    }
  }

  it('describe themselves as the metadata of the same batch', () => {
    const { chunk, bytes } = packed(batchWith(10, true))
    const { meta, parts } = chunk.open(bytes, instanceId)
    expect(meta.typename).to.equal('vineyard::RecordBatch')
    expect([meta['row_num_'], meta['column_num_'], meta['__columns_-size']]).to.deep.equal([10, 3, 3])
    expect([...parts.values()].map(part => part.byteLength)).to.deep.equal([40, 2, 80, 0, 2, 2])
  })

  it('are released like any other', () => {
    const { chunk, bytes } = packed(batchWith(10, false))
    const batch = chunk.readBatch(bytes, new CopiedMemory(bytes.buffer))!
    const untouched = chunk.readBatch(bytes.slice(), new CopiedMemory(bytes.slice().buffer))!
    const values = batch.data.children[0]!.values as Int32Array
    const vector = batch.getChildAt(0)!
    const slice = batch.slice(2, 5)
    expect([values.length, slice.numRows]).to.deep.equal([10, 3])
    expect([release(batch), release(batch), release(untouched)]).to.deep.equal([true, false, true])
    expect([batch.numRows, values.length, slice.numRows, untouched.numRows]).to.deep.equal([0, 0, 0, 0])
    for (const use of [
      () => vector.get(0),
      () => slice.getChildAt(0)!.get(0),
      () => untouched.getChildAt(0)!.get(0)
    ]) {
      expect(use).to.throw().with.property('code', 'ERR_VINEYARD_RELEASED')
    }
  })

  it('whose header lies are not read by the plan, and refused by what looks closer', () => {
    const { chunk, bytes } = packed(batchWith(10, true))
    const numbers = new Float64Array(bytes.buffer, 0, 16 + 12)
    let refused = 0
    for (let index = 0; index < numbers.length; index += 1) {
      for (const lie of [-1, 0.5, 2 ** 31, 2 ** 53, NaN, Infinity, -Infinity, 9]) {
        const honest = numbers[index]!
        numbers[index] = lie
        const batch = chunk.readBatch(bytes, undefined)
        // A count of nulls may be anything up to the rows; whatever is read lies within the chunk.
        if (batch === undefined) refused += 1
        else expect(() => valuesOf(batch)).not.to.throw()
        numbers[index] = honest
      }
    }
    expect(refused).to.be.greaterThan(100)
    expect(chunk.readBatch(bytes.subarray(0, 100), undefined)).to.equal(undefined)
  })

  it('are not kept by the layout they were written with', async () => {
    const layouts = new BatchLayouts(instanceId)
    const written = (): WeakRef<RecordBatch> => {
      const batch = batchWith(10, false)
      layouts.of(batch)!.write({ put: () => {}, fill: () => {} }, 0)
      return new WeakRef(batch)
    }
    // The first batch of a schema is what its layout is made from.
    written()
    const batch = written()
    while (batch.deref() !== undefined) {
      // What was looked at stays until the end of the turn.
      await turn()
      globalThis.gc?.()
    }
    expect(layouts.of(batchWith(1, false))).not.to.equal(undefined)
  })

  it('have no layout for columns that need a closer look', () => {
    const numbers = new RecordBatch({
      t: makeData({ type: new Int32(), length: 1, data: new Int32Array(1) })
    })
    expect(new BatchLayouts(instanceId).of(numbers)).not.to.equal(undefined)
    const layouts = new BatchLayouts(instanceId)
    const struct = new RecordBatch({
      s: makeData({ type: new Struct([]), length: 1, nullCount: 0, children: [] })
    })
    expect(layouts.of(struct)).to.equal(undefined)
  })
})
