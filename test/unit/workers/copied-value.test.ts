import { copyValue, pasteValue } from '#dist/workers/copied-value.js'
import { OpaqueObject } from '#dist/objects/opaque.js'
import { DataFrameBatch } from '#dist/objects/pandas/dataframe-batch.js'
import { RecordBatch, Schema, Table, Utf8, Vector, vectorFromArray } from 'apache-arrow'
import { expect } from 'chai'
import { Index, Series, SparseArray, tensor } from 'vineyard-streams'

/** What another thread makes of a value. */
function passed<T>(value: T): T {
  return pasteValue(structuredClone(copyValue(value))) as T
}

const texts = vectorFromArray(['one', null, 'three'], new Utf8())
const table = new Table({ n: vectorFromArray([1, 2, 3]), texts })
const batch = table.batches[0] as RecordBatch
const index = new Index('label', vectorFromArray([10n, 20n, 30n]))
const blob = { id: 'o8000000000000002', typename: 'vineyard::Blob', instance_id: 0 }
const opaque = new OpaqueObject(
  { id: 'o0000000000000001', typename: 'pickled', instance_id: 0, buffer_: blob } as never,
  'it was pickled',
  { handle: undefined, blob: () => Buffer.from('its bytes') } as never
)
const columns = [...batch.data.children]
const frame = new DataFrameBatch(batch.schema, columns, 3, undefined, { index, labels: ['n', 7] })

describe('A value that is copied for another thread', () => {
  it('is the same value there, where it is plain or bytes', () => {
    const pooled = Buffer.from('some bytes')
    for (const value of ['a text', 1.5, 2n ** 60n, true, null, { a: [1] }, Uint8Array.of(1, 2)])
      expect(passed(value)).to.deep.equal(value)
    expect(passed(pooled)).to.be.instanceOf(Buffer).and.deep.equal(pooled)
    expect(passed(pooled).buffer.byteLength).to.equal(pooled.length)
  })

  it('keeps its class, and its rows, where it is one of Arrow', () => {
    expect(passed(batch)).to.be.instanceOf(RecordBatch)
    expect(passed(batch).toArray().map(String)).to.deep.equal(batch.toArray().map(String))
    const two = new Table([batch, batch])
    expect(passed(two)).to.be.instanceOf(Table)
    expect(passed(two).batches).to.have.lengthOf(2)
    expect(passed(two).toString()).to.equal(two.toString())
    expect(passed(new Table(batch.schema)).schema.toString()).to.equal(batch.schema.toString())
    for (const vector of [texts, texts.concat(texts), texts.slice(0, 0), texts.slice(1)]) {
      expect(passed(vector)).to.be.instanceOf(Vector)
      expect([...passed(vector)]).to.deep.equal([...vector])
    }
  })

  it('keeps the properties of a tensor', () => {
    const properties = ({ shape, dtype, order, partitionIndex }: ReturnType<typeof tensor>): unknown => ({
      shape,
      dtype,
      order,
      partitionIndex
    })
    for (const value of [
      tensor(new Float32Array(6), { shape: [3, 2], partitionIndex: [1, 0] }),
      tensor(['a', null, 'c', 'd'], { shape: [2, 2] })
    ]) {
      expect(properties(passed(value))).to.deep.equal(properties(value))
      expect([...passed(value)]).to.deep.equal([...value])
    }
  })

  it('keeps its labels, where it is one of pandas', () => {
    const framePassed = passed(frame)
    expect(framePassed).to.be.instanceOf(DataFrameBatch)
    expect(framePassed.labels).to.deep.equal(['n', 7])
    expect([...(framePassed.index as Index).values]).to.deep.equal([10n, 20n, 30n])
    const plain = new DataFrameBatch(batch.schema, columns, 3, undefined, { index: undefined, labels: [] })
    expect(passed(plain).index).to.equal(undefined)
    const series = passed(new Series('name', texts, index))
    expect(series).to.be.instanceOf(Series)
    expect([series.name, ...series.values]).to.deep.equal(['name', 'one', null, 'three'])
    expect(series.index).to.be.instanceOf(Index).with.property('name', 'label')
    const sparse = new SparseArray(9, 0, Int32Array.of(3), Float64Array.of(0.5), 'float64')
    expect(passed(sparse)).to.be.instanceOf(SparseArray).and.deep.equal(sparse)
  })

  it('may be opaque, and a list of all of these', () => {
    const [first, second, third] = passed([opaque, [texts], 'text'] as const)
    expect(first).to.be.instanceOf(OpaqueObject).with.property('reason', 'it was pickled')
    expect(first.blob('buffer_').toString()).to.equal('its bytes')
    expect([...second[0]]).to.deep.equal([...texts])
    expect(third).to.equal('text')
  })

  it('is refused with a code where a clone would be something else, or impossible', () => {
    const others = [new Schema([]), { f: () => {} }, [new WeakMap()], new Date()]
    for (const value of others)
      expect(() => copyValue(value))
        .to.throw(/cannot be shared/)
        .with.property('code', 'ERR_VINEYARD_TYPE')
  })
})
