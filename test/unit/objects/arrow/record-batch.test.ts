import * as arrow from 'apache-arrow'
import type { Data, RecordBatch, Table } from 'apache-arrow'
import { expect } from 'chai'
import fc from 'fast-check'
import { createRequire } from 'node:module'
import { describe as describeValue, read } from '#dist/objects/registry.js'
import { batchOf, columnOf, kinds, plainValues } from '../support/columns.js'
import type { Column } from '../support/columns.js'
import type { Stored } from '../support/memory-store.js'
import { contextOf, materialise, readBack, readLeased } from '../support/memory-store.js'

const runs = { numRuns: 60 }

function roundTrip(batch: RecordBatch): RecordBatch {
  return readBack(describeValue(batch)) as RecordBatch
}

function expectSame(actual: RecordBatch, expected: readonly Column[], names: readonly string[]): void {
  expect(actual.schema.fields.map(field => field.name)).to.deep.equal(names)
  expect(actual.numRows).to.equal(expected[0]?.data.length ?? 0)
  expected.forEach(({ type, data }, i) => {
    const column = actual.data.children[i] as Data
    expect(actual.schema.fields[i]?.type.toString()).to.equal(type.toString())
    expect(column.type.toString()).to.equal(type.toString())
    expect(plainValues(column)).to.deep.equal(plainValues(data))
    if (!(type instanceof arrow.Null)) expect(column.nullCount).to.equal(data.nullCount)
  })
}

describe('vineyard::RecordBatch', () => {
  for (const kind of Object.keys(kinds)) {
    it(`keeps columns of ${kind}, with nulls and cut out of longer ones`, () => {
      fc.assert(
        fc.property(columnOf(kind), column => {
          expectSame(roundTrip(batchOf([column], ['ü'])), [column], ['ü'])
        }),
        runs
      )
    })
  }

  it('keeps batches of any columns, whatever their names', () => {
    const batches = fc
      .record({
        rows: fc.integer({ min: 0, max: 12 }),
        kinds: fc.array(fc.constantFrom(...Object.keys(kinds)), { minLength: 1, maxLength: 5 })
      })
      .chain(({ rows, kinds: chosen }) =>
        fc.record({
          columns: fc.tuple(...chosen.map(kind => columnOf(kind, rows))),
          names: fc.array(fc.constantFrom('a', 'a', '漢', '', '__proto__', 'x/y~z'), {
            minLength: chosen.length,
            maxLength: chosen.length
          })
        })
      )
    fc.assert(
      fc.property(batches, ({ columns, names }) =>
        expectSame(roundTrip(batchOf(columns, names)), columns, names)
      ),
      { numRuns: 150 }
    )
  })

  it('keeps the metadata of schema and fields, and which fields are nullable', () => {
    const fields = [
      new arrow.Field('a', new arrow.Int32(), false, new Map([['unit', 'm']])),
      new arrow.Field('b', new arrow.Utf8(), true)
    ]
    const schema = new arrow.Schema(fields, new Map([['k', 'v']]))
    const children = [
      arrow.vectorFromArray([1], new arrow.Int32()),
      arrow.vectorFromArray(['x'], new arrow.Utf8())
    ]
    const data = arrow.makeData({
      type: new arrow.Struct(fields),
      length: 1,
      nullCount: 0,
      children: children.map(vector => vector.data[0]) as never
    })
    const read = roundTrip(new arrow.RecordBatch(schema, data))
    expect([...read.schema.metadata]).to.deep.equal([['k', 'v']])
    expect(read.schema.fields.map(field => field.nullable)).to.deep.equal([false, true])
    expect([...(read.schema.fields[0] as arrow.Field).metadata]).to.deep.equal([['unit', 'm']])
  })

  it('takes batches and tables of another copy of apache-arrow', () => {
    const other = createRequire(import.meta.url)('apache-arrow') as typeof arrow
    expect(other.RecordBatch).to.not.equal(arrow.RecordBatch)
    const table = new other.Table({
      n: other.vectorFromArray([1, null, 3], new other.Int32()),
      t: other.vectorFromArray(['a', null, 'c'], new other.Dictionary(new other.Utf8(), new other.Int32())),
      d: other.vectorFromArray(
        [[1n], null, []],
        new other.List(new other.Field('item', new other.Int64(), true))
      )
    })
    const read = readBack(describeValue(table)) as Table
    expect(read).to.be.instanceOf(arrow.Table)
    expect(
      JSON.stringify(read.toArray(), (_, value: unknown) =>
        typeof value === 'bigint' ? Number(value) : value
      )
    ).to.equal('[{"n":1,"t":"a","d":[1]},{"n":null,"t":null,"d":null},{"n":3,"t":"c","d":[]}]')
  })

  it('writes only the rows of a slice', () => {
    const whole = arrow.vectorFromArray(
      Array.from({ length: 1000 }, (_, i) => `text ${i}`),
      new arrow.Utf8()
    )
    const column = { type: whole.type, data: (whole.data[0] as Data).slice(500, 2) }
    const { blobs } = materialise(describeValue(batchOf([column], ['t'])))
    expect([...blobs.values()].map(bytes => bytes.byteLength).sort((a, b) => a - b)).to.deep.equal([16, 24])
  })

  it('encodes a schema once for batches that have the same', () => {
    const column = {
      type: new arrow.Int32(),
      data: arrow.vectorFromArray([1], new arrow.Int32()).data[0] as Data
    }
    const drafts = [batchOf([column], ['a']), batchOf([column], ['a'])].map(batch =>
      materialise(describeValue(batch))
    )
    const texts = drafts.map(({ meta }) => (meta['schema_'] as Record<string, string>)['schema_binary_'])
    expect(texts[0]).to.equal(texts[1])
    const read = drafts.map(({ meta, blobs }) => readBackOf(meta, blobs))
    expect(read[0]?.schema).to.equal(read[1]?.schema)
  })

  it('says what is wrong with a selection by apache-arrow, and what to take instead', () => {
    const columns = { x: Int32Array.of(1, 2), y: Float64Array.of(3, 4), z: Float64Array.of(5, 6) }
    const batch = arrow.tableFromArrays(columns).batches[0] as RecordBatch
    expect(() => describeValue(batch.select(['z'])))
      .to.throw(/1 fields and \d columns cannot be stored.*selectAt\(\)/)
      .with.property('code', 'ERR_VINEYARD_TYPE')
    expect(
      roundTrip(batch.selectAt([2]))
        .toArray()
        .map(String)
    ).to.deep.equal(['{"z": 5}', '{"z": 6}'])
  })

  it('names the column that cannot be stored', () => {
    const data = arrow.makeData({ type: new arrow.Int32(), length: 3, data: new Int32Array(3) })
    const type = new arrow.List(new arrow.Field('item', new arrow.Int32()))
    const lists = arrow.makeData({ type, length: 2, valueOffsets: Int32Array.of(0, 2, 9), child: data })
    expect(() => describeValue(batchOf([{ type, data: lists }], ['bad "name"'])))
      .to.throw('column "bad \\"name\\"": the offsets of this array are not within its values')
      .with.property('code', 'ERR_VINEYARD_TYPE')
  })

  it('names the column of a type that apache-arrow does not know', () => {
    class Odd extends arrow.DataType {
      constructor() {
        super(99 as never)
      }
      override toString(): string {
        return 'Odd'
      }
    }
    const odd = new Odd()
    for (const type of [odd, new arrow.List(new arrow.Field('item', odd, true))]) {
      const data = new arrow.Data(type, 0, 1, 0, [Int32Array.of(0, 0), new Int32Array(1)] as never)
      expect(() => describeValue(batchOf([{ type, data }], ['strange'])))
        .to.throw(/^column "strange": the Arrow type Odd cannot be stored$/)
        .with.property('code', 'ERR_VINEYARD_TYPE')
    }
  })

  it('keeps rows without columns', () => {
    const batch = new arrow.RecordBatch(
      new arrow.Schema([]),
      arrow.makeData({ type: new arrow.Struct([]), length: 0, nullCount: 0, children: [] })
    )
    expect(roundTrip(batch).numCols).to.equal(0)
  })

  it('slices and selects as it says', () => {
    const columns = ['int32', 'utf8'].map(kind => fc.sample(columnOf(kind, 10), 1)[0] as Column)
    const batch = roundTrip(batchOf(columns, ['a', 'b']))
    const values = plainValues((columns[1] as Column).data)
    expect(plainValues(batch.select(['b']).data.children[0] as Data)).to.deep.equal(values)
    expect(plainValues(batch.selectAt([1]).data.children[0] as Data)).to.deep.equal(values)
    expect(plainValues(batch.slice(2, -3).data.children[1] as Data)).to.deep.equal(values.slice(2, -3))
    expect(batch.slice(8, 2).numRows).to.equal(0)
    expect(batch.slice(3).numRows).to.equal(7)
  })
})

function readBackOf(meta: unknown, blobs: unknown): RecordBatch {
  const stored = { meta, blobs } as Stored
  return read(stored.meta, contextOf(stored)) as RecordBatch
}

describe('vineyard::Table', () => {
  const schema = new arrow.Schema([new arrow.Field('n', new arrow.Int32(), true)])
  const batch = (values: number[]): RecordBatch => {
    const column = {
      type: new arrow.Int32(),
      data: arrow.vectorFromArray(values, new arrow.Int32()).data[0] as Data
    }
    return batchOf([column], ['n'])
  }

  it('keeps its batches', () => {
    const read = readBack(describeValue(new arrow.Table([batch([1, 2]), batch([3])]))) as Table
    expect(read.batches.map(({ numRows }) => numRows)).to.deep.equal([2, 1])
    expect([...(read.getChild('n') as arrow.Vector)]).to.deep.equal([1, 2, 3])
  })

  it('gets a batch without rows if it has none', () => {
    const { meta } = materialise(describeValue(new arrow.Table(schema)))
    expect(meta['batch_num_']).to.equal(1)
    const read = readBack(describeValue(new arrow.Table(schema))) as Table
    expect(read.numRows).to.equal(0)
    expect(read.schema.toString()).to.equal(schema.toString())
  })

  it('has batches that are released one by one', () => {
    const { value, returned } = readLeased(describeValue(new arrow.Table([batch([1, 2]), batch([3])])))
    const [first, second] = (value as Table).batches as [RecordBatch, RecordBatch]
    ;(first as unknown as Disposable)[Symbol.dispose]()
    expect(first.numRows).to.equal(0)
    expect(second.toArray().map(row => (row as unknown as { n: number }).n)).to.deep.equal([3])
    expect(returned()).to.equal(0)
    ;(second as unknown as Disposable)[Symbol.dispose]()
    expect(returned()).to.equal(1)
  })

  it('releases what is left of its batches', () => {
    const { value, returned } = readLeased(describeValue(new arrow.Table([batch([1, 2]), batch([3])])))
    ;((value as Table).batches[0] as unknown as Disposable)[Symbol.dispose]()
    ;(value as Disposable)[Symbol.dispose]()
    expect(returned()).to.equal(1)
    expect((value as Table).numRows).to.equal(0)
  })
})
