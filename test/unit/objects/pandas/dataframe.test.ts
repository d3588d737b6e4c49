import * as arrow from 'apache-arrow'
import type { Data, RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import fc from 'fast-check'
import { OpaqueObject } from '#dist/objects/opaque.js'
import { describe as describeValue, read } from '#dist/objects/registry.js'
import type { Metadata } from '#dist/objects/model.js'
import type { DataFrameBatch } from '#dist/objects/pandas/dataframe-batch.js'
import type { Index } from '#dist/objects/pandas/index-value.js'
import { Series } from '#dist/objects/pandas/series-type.js'
import { blobsOf, fixture } from '../support/fixtures.js'
import { batchOf, columnOf, plainValues } from '../support/columns.js'
import type { Column } from '../support/columns.js'
import { contextOf, materialise, readBack } from '../support/memory-store.js'

function frameOf(columns: Record<string, arrow.Vector>): RecordBatch {
  const entries = Object.entries(columns).map(([, vector]) => ({
    type: vector.type,
    data: vector.data[0] as Data
  }))
  return batchOf(entries, Object.keys(columns))
}

function roundTrip(value: unknown): DataFrameBatch {
  return readBack(describeValue(value, { as: 'dataframe' })) as DataFrameBatch
}

function typenames(value: unknown): unknown[] {
  const { meta } = materialise(describeValue(value, { as: 'dataframe' }))
  const count = meta['__values_-size'] as number
  return Array.from({ length: count }, (_, i) => (meta[`__values_-value-${i}`] as Metadata).typename)
}

const plainKinds = [
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'float32',
  'float64',
  'bool',
  'utf8'
]

describe('vineyard::DataFrame', () => {
  it('has the form that pandas data has', () => {
    const frame = frameOf({
      i: arrow.vectorFromArray([1, 2], new arrow.Int32()),
      b: arrow.vectorFromArray([true, false], new arrow.Bool()),
      s: arrow.vectorFromArray(['x', null], new arrow.Utf8())
    })
    const { meta } = materialise(describeValue(frame, { as: 'dataframe' }))
    const template = fixture('df_int64').meta
    const own = Object.keys(meta).filter(key => !key.startsWith('__values_-'))
    const theirs = Object.keys(template).filter(key => !key.startsWith('__values_-'))
    expect(theirs.filter(key => !own.includes(key))).to.deep.equal([
      '__timestamp',
      'global',
      'signature',
      'transient'
    ])
    expect(meta['columns_']).to.equal('["i","b","s"]')
    expect(meta['__values_-key-0']).to.equal('"i"')
    expect(typenames(frame)).to.deep.equal([
      'vineyard::Tensor<int>',
      'vineyard::Tensor<bool>',
      'vineyard::Tensor<std::string>'
    ])
    const index = meta['index_'] as Metadata
    expect([index['name'], index['value_type_']]).to.deep.equal(['null', 'int64'])
    expect([...(roundTrip(frame).index as Index).values]).to.deep.equal([0n, 1n])
  })

  it('keeps columns without nulls', () => {
    const columns = fc
      .integer({ min: 0, max: 12 })
      .chain(rows => fc.tuple(...plainKinds.map(kind => columnOf(kind, rows))))
    fc.assert(
      fc.property(columns, list => {
        const complete = list.filter(({ data }) => data.nullCount === 0)
        fc.pre(complete.length > 0)
        const frame = roundTrip(
          batchOf(
            complete,
            complete.map((_, i) => `c${i}`)
          )
        )
        complete.forEach(({ data }, i) => {
          expect(plainValues(frame.data.children[i] as Data)).to.deep.equal(plainValues(data))
        })
      }),
      { numRuns: 60 }
    )
  })

  it('has nulls where pandas has them', () => {
    const frame = frameOf({
      i: arrow.vectorFromArray([1n, null], new arrow.Int64()),
      f: arrow.vectorFromArray([1.5, null], new arrow.Float32()),
      b: arrow.vectorFromArray([true, null], new arrow.Bool()),
      s: arrow.vectorFromArray(['x', null], new arrow.Utf8()),
      n: arrow.vectorFromArray([null, null], new arrow.Null()),
      t: arrow.vectorFromArray([1000, null], new arrow.TimestampMillisecond('Europe/Paris')),
      d: arrow.vectorFromArray([1n, null], new arrow.DurationSecond()),
      c: arrow.vectorFromArray(['x', null], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()))
    })
    const read = roundTrip(frame)
    expect(read.data.children.map(child => plainValues(child))).to.deep.equal([
      [1, NaN],
      [1.5, NaN],
      [true, null],
      ['x', null],
      [null, null],
      [1000, null],
      [1n, null],
      ['x', null]
    ])
    expect(read.schema.fields.map(field => field.type.toString())).to.deep.equal([
      'Float64',
      'Float32',
      'Bool',
      'LargeUtf8',
      'LargeUtf8',
      'Timestamp<MILLISECOND, Europe/Paris>',
      'Duration<SECOND>',
      'LargeUtf8'
    ])
  })

  it('refuses long integers beside nulls which pandas would have as their neighbours', () => {
    for (const [type, exact, inexact] of [
      [new arrow.Int64(), [2n ** 53n, -(2n ** 63n)], [2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n]],
      [new arrow.Uint64(), [2n ** 53n, 2n ** 63n], [2n ** 53n + 1n, 2n ** 64n - 1n]]
    ] as [arrow.Int64, bigint[], bigint[]][]) {
      const withNulls = frameOf({ id: arrow.vectorFromArray([...exact, null], type) })
      expect(plainValues(roundTrip(withNulls).data.children[0] as Data)).to.deep.equal([
        ...exact.map(Number),
        NaN
      ])
      for (const value of inexact) {
        const complete = frameOf({ id: arrow.vectorFromArray([value], type) })
        expect(plainValues(roundTrip(complete).data.children[0] as Data)).to.deep.equal([value])
        const frame = frameOf({ id: arrow.vectorFromArray([1n, null, value], type) })
        expect(() => roundTrip(frame))
          .to.throw(new RegExp(`column "id": it has nulls and ${value}: .*float64.*Fill the nulls`))
          .with.property('code', 'ERR_VINEYARD_TYPE')
      }
    }
    // What stands below a null is no value.
    const data = arrow.makeData({
      type: new arrow.Int64(),
      length: 2,
      nullBitmap: Uint8Array.of(2),
      data: BigInt64Array.of(2n ** 53n + 1n, 1n)
    })
    expect(
      plainValues(roundTrip(batchOf([{ type: data.type, data }], ['id'])).data.children[0] as Data)
    ).to.deep.equal([NaN, 1])
  })

  it('is made of the batches of a table', () => {
    const table = new arrow.Table([
      frameOf({
        i: arrow.vectorFromArray([1], new arrow.Int32()),
        s: arrow.vectorFromArray(['x'], new arrow.Utf8())
      }),
      frameOf({
        i: arrow.vectorFromArray([2, 3], new arrow.Int32()),
        s: arrow.vectorFromArray(['y', null], new arrow.Utf8())
      })
    ])
    const read = roundTrip(table)
    expect(read.toArray().map(row => row.toJSON())).to.deep.equal([
      { i: 1, s: 'x' },
      { i: 2, s: 'y' },
      { i: 3, s: null }
    ])
  })

  it('names the column that has no place in it', () => {
    const list = arrow.vectorFromArray(
      [[1]],
      new arrow.List(new arrow.Field('item', new arrow.Int32(), true))
    )
    expect(() => describeValue(frameOf({ good: arrow.vectorFromArray([1]), bad: list }), { as: 'dataframe' }))
      .to.throw('column "bad": the Arrow type List<Int32> has no column in a data frame')
      .with.property('code', 'ERR_VINEYARD_TYPE')
    expect(() => describeValue([1], { as: 'dataframe' }))
      .to.throw()
      .with.property('code', 'ERR_VINEYARD_TYPE')
  })

  it('keeps vectors of numbers as a second dimension', () => {
    const type = new arrow.FixedSizeList(2, new arrow.Field('item', new arrow.Float32(), true))
    const column = {
      type,
      data: arrow.vectorFromArray(
        [
          [1, 2],
          [3, 4]
        ],
        type
      ).data[0] as Data
    } as Column
    const read = roundTrip(batchOf([column], ['v']))
    expect(plainValues(read.data.children[0] as Data)).to.deep.equal([
      [1, 2],
      [3, 4]
    ])
  })

  it('that was read keeps its index and labels when it is put again', () => {
    const stored = fixture('df_mixed_colnames')
    const frame = read(
      stored.meta,
      contextOf({ meta: stored.meta, blobs: blobsOf(stored) })
    ) as DataFrameBatch
    expect(frame.labels).to.deep.equal(['a', 1, 2.5])
    expect(frame.schema.names).to.deep.equal(['a', '1', '2.5'])
    const again = roundTrip(frame)
    expect(again.labels).to.deep.equal(['a', 1, 2.5])
    for (const name of ['df_index_str', 'df_index_range', 'df_index_datetime']) {
      const other = fixture(name)
      const first = read(other.meta, contextOf({ meta: other.meta, blobs: blobsOf(other) })) as DataFrameBatch
      expect([...(roundTrip(first).index as Index).values], name).to.deep.equal([
        ...(first.index as Index).values
      ])
    }
    const multi = fixture('df_index_multi')
    const pickled = read(multi.meta, contextOf({ meta: multi.meta, blobs: blobsOf(multi) })) as DataFrameBatch
    expect(pickled.index).to.be.instanceOf(OpaqueObject)
    expect(() => describeValue(pickled, { as: 'dataframe' })).to.throw(/^index: /)
  })
})

describe('vineyard::Series and vineyard::Index', () => {
  it('are put as they are read', () => {
    for (const name of ['series_named', 'series_unnamed', 'index_int', 'index_str']) {
      const { meta, ...rest } = fixture(name)
      const value = read(meta, contextOf({ meta, blobs: blobsOf({ meta, ...rest }) })) as Series | Index
      const again = readBack(describeValue(value)) as Series | Index
      expect(again.name).to.equal(value.name)
      expect([...again.values]).to.deep.equal([...value.values])
      if (value instanceof Series)
        expect([...((again as Series).index as Index).values]).to.deep.equal([
          ...(value.index as Index).values
        ])
    }
  })
})
