/** Arrow columns of all types, for tests of what goes in and comes out again. */
import * as arrow from 'apache-arrow'
import type { Data, DataType, RecordBatch } from 'apache-arrow'
import fc from 'fast-check'

export interface Column {
  type: DataType
  data: Data
}

const word = fc.string({ unit: fc.constantFrom('a', 'é', '漢', '🎉', '\0', ' '), maxLength: 6 })
const bytes = fc.uint8Array({ maxLength: 5 })
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

function item(type: DataType): arrow.Field {
  return new arrow.Field('item', type, true)
}

const struct = new arrow.Struct([
  new arrow.Field('n', new arrow.Int32(), true),
  new arrow.Field('t', new arrow.Utf8(), true)
])

const entries = new arrow.Struct([
  new arrow.Field('key', new arrow.Utf8(), false),
  new arrow.Field('value', new arrow.Int32(), true)
])

const milliseconds = fc.integer({ min: -1e12, max: 1e12 })

/** Each type with a generator of its values. */
export const kinds: Record<string, () => [type: DataType, value: fc.Arbitrary<unknown>]> = {
  int8: () => [new arrow.Int8(), fc.integer({ min: -128, max: 127 })],
  int16: () => [new arrow.Int16(), fc.integer({ min: -32768, max: 32767 })],
  int32: () => [new arrow.Int32(), fc.integer()],
  int64: () => [new arrow.Int64(), int64],
  uint8: () => [new arrow.Uint8(), fc.integer({ min: 0, max: 255 })],
  uint16: () => [new arrow.Uint16(), fc.integer({ min: 0, max: 65535 })],
  uint32: () => [new arrow.Uint32(), fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  uint64: () => [new arrow.Uint64(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  float16: () => [new arrow.Float16(), fc.constantFrom(0, 1.5, -2, 65504)],
  float32: () => [new arrow.Float32(), fc.float()],
  float64: () => [new arrow.Float64(), fc.double()],
  bool: () => [new arrow.Bool(), fc.boolean()],
  utf8: () => [new arrow.Utf8(), word],
  largeUtf8: () => [new arrow.LargeUtf8(), word],
  utf8View: () => [new arrow.Utf8View(), fc.string({ unit: fc.constantFrom('a', 'é'), maxLength: 20 })],
  binary: () => [new arrow.Binary(), bytes],
  largeBinary: () => [new arrow.LargeBinary(), bytes],
  fixedSizeBinary: () => [new arrow.FixedSizeBinary(3), fc.uint8Array({ minLength: 3, maxLength: 3 })],
  null: () => [new arrow.Null(), fc.constant(null)],
  date32: () => [
    new arrow.DateDay(),
    fc.integer({ min: -1e5, max: 1e5 }).map(day => new Date(day * 86_400_000))
  ],
  date64: () => [new arrow.DateMillisecond(), milliseconds.map(time => new Date(time))],
  time32s: () => [new arrow.TimeSecond(), fc.integer({ min: 0, max: 86_399 })],
  time32ms: () => [new arrow.TimeMillisecond(), fc.integer({ min: 0, max: 86_399_999 })],
  time64us: () => [new arrow.TimeMicrosecond(), fc.bigInt({ min: 0n, max: 86_399_999_999n })],
  time64ns: () => [new arrow.TimeNanosecond(), fc.bigInt({ min: 0n, max: 86_399_999_999_999n })],
  timestampS: () => [new arrow.TimestampSecond(), milliseconds.map(time => Math.floor(time / 1000) * 1000)],
  timestampMs: () => [new arrow.TimestampMillisecond(), milliseconds],
  timestampUs: () => [new arrow.TimestampMicrosecond('Europe/Paris'), milliseconds],
  timestampNs: () => [new arrow.TimestampNanosecond('UTC'), fc.integer({ min: 0, max: 1e9 })],
  durationS: () => [new arrow.DurationSecond(), int64],
  durationNs: () => [new arrow.DurationNanosecond(), int64],
  decimal: () => [
    new arrow.Decimal(2, 20, 128),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map(value => new Uint32Array(value.slice().buffer))
  ],
  list: () => [new arrow.List(item(new arrow.Int32())), fc.array(fc.option(fc.integer()), { maxLength: 4 })],
  largeList: () => [new arrow.LargeList(item(new arrow.Utf8())), fc.array(fc.option(word), { maxLength: 4 })],
  listOfLists: () => [
    new arrow.List(item(new arrow.List(item(new arrow.Bool())))),
    fc.array(fc.option(fc.array(fc.option(fc.boolean()), { maxLength: 3 })), { maxLength: 3 })
  ],
  listOfTimes: () => [
    new arrow.List(item(new arrow.TimestampMillisecond())),
    fc.array(fc.option(milliseconds), { maxLength: 3 })
  ],
  listOfStructs: () => [
    new arrow.List(item(struct)),
    fc.array(fc.record({ n: fc.option(fc.integer()), t: fc.option(word) }), { maxLength: 3 })
  ],
  fixedSizeList: () => [
    new arrow.FixedSizeList(2, item(new arrow.Float32())),
    fc.array(fc.float(), { minLength: 2, maxLength: 2 })
  ],
  struct: () => [struct, fc.record({ n: fc.option(fc.integer()), t: fc.option(word) })],
  map: () => [
    new arrow.Map_(new arrow.Field('entries', entries, false)),
    fc.dictionary(fc.constantFrom('k', 'é', 'z'), fc.integer()).map(object => new Map(Object.entries(object)))
  ],
  dictionary: () => [new arrow.Dictionary(new arrow.Utf8(), new arrow.Int16()), word],
  intervalYears: () => [
    new arrow.IntervalYearMonth(),
    fc.integer({ min: 0, max: 100 }).map(n => Int32Array.of(n, 1))
  ],
  sparseUnion: () => {
    const fields = [
      new arrow.Field('0', new arrow.Float64(), true),
      new arrow.Field('1', new arrow.Utf8(), true)
    ]
    return [new arrow.SparseUnion([0, 1], fields), fc.constant(undefined)]
  }
}

/** A union has no builder that takes values: one is made of its parts. */
function unionColumn(type: DataType, length: number): Data {
  const numbers = arrow.makeData({
    type: new arrow.Float64(),
    data: Float64Array.from({ length }, (_, i) => i)
  })
  const texts = arrow.vectorFromArray(
    Array.from({ length }, (_, i) => `t${i}`),
    new arrow.Utf8()
  ).data[0] as Data
  const typeIds = Int8Array.from({ length }, (_, i) => i % 2)
  return arrow.makeData({
    type: type as arrow.SparseUnion,
    length,
    typeIds,
    children: [numbers, texts] as never
  })
}

/** A column of a kind, with nulls, cut out of a longer one. */
export function columnOf(kind: string, rows?: number): fc.Arbitrary<Column> {
  const [type, value] = (kinds[kind] as (typeof kinds)[string])()
  const length = rows === undefined ? fc.integer({ min: 0, max: 20 }) : fc.constant(rows)
  return length.chain(wanted =>
    fc
      .record({
        before: fc.integer({ min: 0, max: 11 }),
        after: fc.integer({ min: 0, max: 3 }),
        nulls: fc.boolean()
      })
      .chain(({ before, after, nulls }) => {
        const total = before + wanted + after
        const element = nulls && kind !== 'null' ? fc.option(value, { freq: 3 }) : value
        return fc.array(element, { minLength: total, maxLength: total }).map(values => {
          const whole =
            kind === 'sparseUnion'
              ? unionColumn(type, total)
              : total === 0
                ? arrow.makeData({ type, length: 0, nullCount: 0 } as never)
                : (arrow.vectorFromArray(values, type).data[0] as Data)
          return { type, data: before + after === 0 ? whole : whole.slice(before, wanted) }
        })
      })
  )
}

/** A batch of columns, as a program that has only a list of them would make it. */
export function batchOf(columns: readonly Column[], names: readonly string[]): RecordBatch {
  const fields = columns.map(({ type }, i) => new arrow.Field(names[i] as string, type, true))
  const length = columns[0]?.data.length ?? 0
  const children = columns.map(({ data }) => data)
  const data = arrow.makeData({
    type: new arrow.Struct(fields),
    length,
    nullCount: 0,
    children: children as never
  })
  return new arrow.RecordBatch(new arrow.Schema(fields, new Map([['source', 'é']])), data)
}

/** The values of a column in a form that compares well. */
export function plainValues(data: Data): unknown[] {
  return [...new arrow.Vector([data])].map(plain)
}

function plain(value: unknown): unknown {
  if (value instanceof arrow.Vector) return [...value].map(plain)
  if (value instanceof arrow.MapRow) return [...value].map(([key, child]) => [key, plain(child)])
  if (value instanceof arrow.StructRow)
    return Object.entries(value.toJSON()).map(([key, child]) => [key, plain(child)])
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array)
  return value
}
