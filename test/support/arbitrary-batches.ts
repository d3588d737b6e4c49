/** Random record batches of one schema: what a program could send through a stream, and some that none would think of. */
import * as arrow from 'apache-arrow'
import type { Data, DataType, Field, RecordBatch } from 'apache-arrow'
import fc from 'fast-check'
import { exactColumns, fieldText, type ExactBatch } from './exact.js'

const { DateUnit, TimeUnit } = arrow
const timeUnits = [TimeUnit.SECOND, TimeUnit.MILLISECOND, TimeUnit.MICROSECOND, TimeUnit.NANOSECOND]
const integers = [
  arrow.Int8,
  arrow.Int16,
  arrow.Int32,
  arrow.Int64,
  arrow.Uint8,
  arrow.Uint16,
  arrow.Uint32,
  arrow.Uint64
]

function oneOf<T>(...makers: readonly (() => T)[]): fc.Arbitrary<T> {
  return fc.constantFrom(...makers).map(make => make())
}

const units = fc.constantFrom(...timeUnits)
const zones = fc.constantFrom(null, 'UTC', 'Europe/Paris', '+05:30')

/** Types without children, by the names that `typesOf` takes. */
const leaves = {
  null: fc.constant<DataType>(new arrow.Null()),
  bool: fc.constant<DataType>(new arrow.Bool()),
  int: oneOf<DataType>(...integers.map(type => () => new type())),
  float16: fc.constant<DataType>(new arrow.Float16()),
  float32: fc.constant<DataType>(new arrow.Float32()),
  float64: fc.constant<DataType>(new arrow.Float64()),
  utf8: fc.constant<DataType>(new arrow.Utf8()),
  largeUtf8: fc.constant<DataType>(new arrow.LargeUtf8()),
  binary: fc.constant<DataType>(new arrow.Binary()),
  largeBinary: fc.constant<DataType>(new arrow.LargeBinary()),
  fixedSizeBinary: fc.integer({ min: 1, max: 20 }).map(width => new arrow.FixedSizeBinary(width)),
  date: oneOf<DataType>(
    () => new arrow.DateDay(),
    () => new arrow.DateMillisecond()
  ),
  time: units.map(unit => new arrow.Time(unit, unit < TimeUnit.MICROSECOND ? 32 : 64)),
  timestamp: fc.tuple(units, zones).map(([unit, zone]) => new arrow.Timestamp(unit, zone)),
  duration: units.map(unit => new arrow.Duration(unit)),
  decimal: fc
    .tuple(fc.integer({ min: 1, max: 38 }), fc.nat())
    .map(([precision, scale]) => new arrow.Decimal(scale % (precision + 1), precision, 128))
}

const itemNames = fc.constantFrom('item', 'item', 'element', 'ü')

/** Types made of others. */
const nested = {
  list: (item: Fields) => item(itemNames).map(field => new arrow.List(field)),
  largeList: (item: Fields) => item(itemNames).map(field => new arrow.LargeList(field)),
  fixedSizeList: (item: Fields) =>
    fc
      .tuple(fc.integer({ min: 1, max: 3 }), item(itemNames))
      .map(([size, field]) => new arrow.FixedSizeList(size, field)),
  struct: (item: Fields) =>
    fc
      .uniqueArray(item(names), { maxLength: 3, selector: field => field.name })
      .map(fields => new arrow.Struct(fields)),
  map: (item: Fields) =>
    fc.tuple(typesOf(['int', 'utf8'], 0), item(fc.constant('value'))).map(([key, value]) => {
      const entries = new arrow.Struct<any>([new arrow.Field('key', key, false), value])
      return new arrow.Map_<any, any>(new arrow.Field('entries', entries, false))
    }),
  dictionary: () =>
    fc
      .tuple(
        typesOf(['int', 'float64', 'utf8', 'largeUtf8', 'binary', 'timestamp', 'decimal'], 0),
        fc.constantFrom(...integers.filter(type => type !== arrow.Uint64)),
        fc.boolean()
      )
      // Its number belongs to the type, which a generator makes once and the program more often.
      .map(([values, indices, ordered]) => new arrow.Dictionary(values, new indices() as any, null, ordered))
}

export type Kind = keyof typeof leaves | keyof typeof nested
type Fields = (names: fc.Arbitrary<string>) => fc.Arbitrary<Field>

const names = fc.oneof(
  fc.constantFrom(
    'a',
    'a',
    'b',
    'a b',
    '漢字',
    '🗼',
    'é',
    'e\u0301',
    '',
    ' ',
    'x/y~z.w',
    '__proto__',
    'constructor',
    '"'
  ),
  fc.string({ unit: 'grapheme', maxLength: 8 })
)

function typesOf(kinds: readonly Kind[], depth: number): fc.Arbitrary<DataType> {
  const choices = kinds.flatMap((kind): fc.WeightedArbitrary<DataType>[] => {
    if (kind in leaves) return [{ weight: 2, arbitrary: leaves[kind as keyof typeof leaves] }]
    if (depth === 0) return []
    const make = nested[kind as keyof typeof nested]
    return [{ weight: 3, arbitrary: make(named => fieldsOf(kinds, named, depth - 1)) }]
  })
  return fc.oneof(...choices)
}

function fieldsOf(kinds: readonly Kind[], named: fc.Arbitrary<string>, depth: number): fc.Arbitrary<Field> {
  return fc
    .tuple(named, typesOf(kinds, depth), fc.integer({ min: 0, max: 3 }))
    .map(
      ([name, type, notNull]) => new arrow.Field(name, type, notNull !== 0 || type.typeId === arrow.Type.Null)
    )
}

/** What a batch is made from: small and printable, where the batch is neither. */
interface Recipe {
  rows: number
  /** Rows around it in the columns that it is cut out of. */
  before: number
  after: number
  seed: number
}

/** Batches of one schema. As text it is what can be read of a counterexample. */
export class RandomBatches {
  readonly schema: arrow.Schema
  readonly batches: readonly RecordBatch[]
  /** What must arrive. */
  readonly exact: readonly ExactBatch[]

  constructor(
    fields: readonly Field[],
    readonly recipes: readonly Recipe[]
  ) {
    this.schema = new arrow.Schema([...fields], new Map([['made by', 'chance']]))
    this.batches = recipes.map(recipe => batchFrom(this.schema, recipe))
    this.exact = this.batches.map(exactColumns)
  }

  toString(): string {
    return JSON.stringify({ columns: this.schema.fields.map(fieldText), batches: this.recipes })
  }
}

/** Batches of one schema with columns of these kinds. */
export function randomBatches(kinds: readonly Kind[] = allKinds): fc.Arbitrary<RandomBatches> {
  const recipe = fc.record({
    rows: fc.oneof(fc.constant(0), fc.nat({ max: 40 })),
    before: fc.oneof(fc.constant(0), fc.nat({ max: 20 })),
    after: fc.nat({ max: 9 }),
    seed: fc.noShrink(fc.integer())
  })
  return fc
    .tuple(
      fc.array(fieldsOf(kinds, names, 2), { maxLength: 6 }),
      fc.array(recipe, { minLength: 1, maxLength: 4 })
    )
    .map(([fields, recipes]) => new RandomBatches(fields, recipes))
}

export const allKinds = [...Object.keys(leaves), ...Object.keys(nested)] as Kind[]

/** Numbers from a seed (mulberry32): values are too many to let fast-check choose each. */
class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }

  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.below(256))
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }

  bigint(limit: bigint): bigint {
    return Buffer.from(this.bytes(16)).readBigUInt64LE() % limit
  }
}

function batchFrom(schema: arrow.Schema, { rows, before, after, seed }: Recipe): RecordBatch {
  const chance = new Chance(seed)
  const children = schema.fields.map(({ type, nullable }) => {
    const whole = column(type as DataType, before + rows + after, chance, nullable)
    return before + after === 0 ? whole : whole.slice(before, rows)
  })
  const type = new arrow.Struct(schema.fields)
  const data = arrow.makeData({ type, length: rows, nullCount: 0, children: children as never })
  return new arrow.RecordBatch(schema, data)
}

/** A column with nulls here and there; what lies under a null is as random as the rest. */
function column(type: DataType, length: number, chance: Chance, nullable: boolean): Data {
  const nulls = nullable && length > 0 && type.typeId !== arrow.Type.Null && chance.below(2) === 0
  const bitmap = nulls ? { nullBitmap: chance.bytes(Math.ceil(length / 8)), nullCount: -1 } : { nullCount: 0 }
  return arrow.makeData({ type, length, ...bitmap, ...content(type, length, chance) } as never)
}

function content(type: DataType, length: number, chance: Chance): object {
  const item = type.children?.[0] as Field
  const values = (count: number): Data => column(item.type as DataType, count, chance, item.nullable)
  switch (type.typeId) {
    case arrow.Type.Null:
      return {}
    case arrow.Type.Bool:
      return { data: chance.bytes(Math.ceil(length / 8)) }
    case arrow.Type.Utf8:
    case arrow.Type.LargeUtf8:
    case arrow.Type.Binary:
    case arrow.Type.LargeBinary: {
      const text = type.typeId === arrow.Type.Utf8 || type.typeId === arrow.Type.LargeUtf8
      const parts = Array.from({ length }, () => (text ? word(chance) : chance.bytes(chance.below(9))))
      const data = Buffer.concat(parts)
      return { valueOffsets: offsetsOf(type, parts.map(part => part.length)), data } // prettier-ignore
    }
    case arrow.Type.List:
    case arrow.Type.LargeList:
    case arrow.Type.Map: {
      const lengths = Array.from({ length }, () => chance.below(4))
      const total = lengths.reduce((sum, one) => sum + one, 0)
      return { valueOffsets: offsetsOf(type, lengths), child: values(total) }
    }
    case arrow.Type.FixedSizeList:
      return { child: values(length * (type as arrow.FixedSizeList).listSize) }
    case arrow.Type.Struct:
      return {
        children: type.children.map(field => column(field.type as DataType, length, chance, field.nullable))
      }
    case arrow.Type.Dictionary: {
      const { dictionary, indices } = type as arrow.Dictionary
      const size = 1 + chance.below(5)
      const data = Array.from({ length }, () => chance.below(size))
      return {
        data:
          indices instanceof arrow.Int64 ? BigInt64Array.from(data, BigInt) : indices.ArrayType.from(data),
        dictionary: new arrow.Vector([column(dictionary as DataType, size, chance, false)])
      }
    }
    default:
      return { data: Buffer.concat(Array.from({ length }, () => fixedWidth(type, chance))) }
  }
}

const letters = ['a', 'b', 'é', 'ß', '漢', '🗼', '\0', ' ', '\n', '\ufeff', '\u{10ffff}']

function word(chance: Chance): Uint8Array {
  return Buffer.from(Array.from({ length: chance.below(6) }, () => chance.of(letters)).join(''))
}

function offsetsOf(type: DataType, lengths: readonly number[]): Int32Array | BigInt64Array {
  let at = 0
  const offsets = [0, ...lengths.map(length => (at += length))]
  const large = [arrow.Type.LargeUtf8, arrow.Type.LargeBinary, arrow.Type.LargeList].includes(type.typeId)
  return large ? BigInt64Array.from(offsets, BigInt) : Int32Array.from(offsets)
}

/** Numbers whose bits get lost first: zeros, infinities, quiet and signalling NaNs with payloads, the smallest. */
const specialFloats: Readonly<Record<number, readonly string[]>> = {
  2: ['0000', '0080', '007c', '00fc', '007e', '017d', '0100', 'ff7b'],
  4: ['00000000', '00000080', '0000807f', '000080ff', '0000c07f', '0100a07f', '01000000', 'ffff7f7f'],
  8: [
    '0000000000000000',
    '0000000000000080',
    '000000000000f07f',
    '000000000000f0ff',
    '000000000000f87f',
    '0100000000f0f47f',
    '0100000000000000',
    'ffffffffffffef7f'
  ]
}

function fixedWidth(type: DataType, chance: Chance): Uint8Array {
  const { bitWidth, precision, unit, byteWidth } = type as DataType & Record<string, number>
  switch (type.typeId) {
    case arrow.Type.Int:
      return chance.below(4) === 0
        ? new Uint8Array((bitWidth as number) / 8)
        : chance.bytes((bitWidth as number) / 8)
    case arrow.Type.Float: {
      const width = 2 << (precision as number)
      return chance.below(3) === 0
        ? Buffer.from(chance.of(specialFloats[width]!), 'hex')
        : chance.bytes(width)
    }
    case arrow.Type.FixedSizeBinary:
      return chance.bytes(byteWidth as number)
    case arrow.Type.Date:
      // Whole days, some of them before 1970.
      return unit === DateUnit.DAY
        ? bytesOf(Int32Array.of(chance.below(40_000) - 20_000))
        : bytesOf(BigInt64Array.of((chance.bigint(40_000n) - 20_000n) * 86_400_000n))
    case arrow.Type.Time: {
      const perDay = 86_400n * 1000n ** BigInt(unit as number)
      return bitWidth === 32
        ? bytesOf(Int32Array.of(Number(chance.bigint(perDay))))
        : bytesOf(BigInt64Array.of(chance.bigint(perDay)))
    }
    case arrow.Type.Decimal: {
      const digits = Array.from({ length: precision as number }, () => chance.below(10)).join('')
      const value = BigInt.asUintN(128, BigInt(digits) * (chance.below(2) === 0 ? 1n : -1n))
      return bytesOf(BigUint64Array.of(value & (2n ** 64n - 1n), value >> 64n))
    }
    default:
      // Timestamps and durations: every number is one.
      return chance.bytes(8)
  }
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
