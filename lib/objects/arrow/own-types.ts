import {
  Binary,
  BinaryView,
  Bool,
  Data,
  DataType,
  Date_,
  Decimal,
  Dictionary,
  Duration,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float,
  Int,
  Interval,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Null,
  Schema,
  Struct,
  Time,
  Timestamp,
  Type,
  Union,
  Utf8,
  Utf8View,
  Vector
} from 'apache-arrow'
import { VineyardError } from '../../errors.js'
import { located } from '../unsupported.js'
import { anyType } from './any-type.js'
import { bitmapBytes, copyBits } from './bitmap.js'
import { columnName } from './field-names.js'
import { completeColumn } from './null-column.js'

/**
 * A type of another copy of apache-arrow as one of ours, by its structure: functions of apache-arrow
 * recognise only types of their own copy. Throws ERR_VINEYARD_TYPE for a type that apache-arrow does not
 * know.
 */
export function ownType(type: DataType): DataType {
  requireKnown(type)
  if (type instanceof DataType) return type
  const any = anyType(type)
  const children = (any.typeId === Type.Dictionary ? [] : (any.children ?? [])).map(ownField)
  const child = children[0] as Field
  switch (any.typeId) {
    case Type.Null:
      return new Null()
    case Type.Int:
      return new Int(any.isSigned, any.bitWidth as never)
    case Type.Float:
      return new Float(any.precision)
    case Type.Binary:
      return new Binary()
    case Type.LargeBinary:
      return new LargeBinary()
    case Type.BinaryView:
      return new BinaryView()
    case Type.Utf8:
      return new Utf8()
    case Type.LargeUtf8:
      return new LargeUtf8()
    case Type.Utf8View:
      return new Utf8View()
    case Type.Bool:
      return new Bool()
    case Type.Decimal:
      return new Decimal(any.scale, any.precision, any.bitWidth)
    case Type.Date:
      return new Date_(any.unit)
    case Type.Time:
      return new Time(any.unit, any.bitWidth as never)
    case Type.Timestamp:
      return new Timestamp(any.unit, any.timezone)
    case Type.Interval:
      return new Interval(any.unit)
    case Type.Duration:
      return new Duration(any.unit)
    case Type.List:
      return new List(child)
    case Type.LargeList:
      return new LargeList(child)
    case Type.FixedSizeList:
      return new FixedSizeList(any.listSize, child)
    case Type.FixedSizeBinary:
      return new FixedSizeBinary(any.byteWidth)
    case Type.Struct:
      return new Struct(children)
    case Type.Map:
      return new Map_(child as never, any.keysSorted)
    case Type.Union:
      return new Union(any.mode, any.typeIds, children)
    case Type.Dictionary:
      return new Dictionary(ownType(any.dictionary), ownType(any.indices) as never, any.id, any.isOrdered)
    default:
      throw unknownType(type)
  }
}

/** Types that apache-arrow itself does not know or could not decode, in whatever depth. */
function requireKnown(type: DataType): void {
  if (Type[type.typeId] === undefined) throw unknownType(type)
  if (type.typeId === Type.Dictionary) {
    const { dictionary } = anyType(type)
    // The type of the inner one is lost when the schema is encoded.
    if (dictionary.typeId === Type.Dictionary) throw unknownType(type)
    requireKnown(dictionary)
  } else for (const field of type.children ?? []) requireKnown(field.type)
}

function unknownType(type: DataType): VineyardError {
  return new VineyardError('ERR_VINEYARD_TYPE', `the Arrow type ${String(type)} cannot be stored`)
}

function ownField(field: Field): Field {
  return new Field(field.name, ownType(field.type), field.nullable, field.metadata)
}

/**
 * A schema of our own copy of apache-arrow. The types are those of the columns: `RecordBatch` mixes up the
 * types of columns with the same name in its schema (apache-arrow 21.2, `Schema.assign`).
 */
export function ownSchema(schema: Schema, types: readonly DataType[]): Schema {
  const fields = schema.fields.map((field, i) => {
    const type = located(columnName(schema, i), () => ownType(types[i] ?? field.type))
    return new Field(field.name, type, field.nullable, field.metadata)
  })
  return new Schema(fields, schema.metadata)
}

/**
 * A column of our own copy of apache-arrow whose first row is at bit 0 of its bitmaps, for apache-arrow's IPC
 * writer: it writes the views of a slice from the wrong place, and trusts counts of nulls.
 */
export function ownData(given: Data): Data {
  const type = ownType(given.type)
  if (type.typeId === Type.Null) return nulls(type, given.length)
  const data = completeColumn(given, type)
  const { offset, length, nullCount } = data
  const nullBitmap = nullCount > 0 && offset > 0 ? shifted(data.nullBitmap, offset, length) : data.nullBitmap
  const isBool = type.typeId === Type.Bool
  const values =
    isBool && offset > 0 ? shifted(data.values as Uint8Array, offset, length) : (data.values as Uint8Array)
  const dictionary = data.dictionary && new Vector(data.dictionary.data.map(ownData))
  return new Data(
    type,
    0,
    length,
    nullCount,
    [data.valueOffsets, values, nullBitmap, data.typeIds] as never,
    data.children.map(ownData),
    dictionary,
    data.variadicBuffers
  )
}

/**
 * A column of the null type. Python refuses one that does not say that all its rows are null; apache-arrow forgets it in
 * a slice, and the IPC writer makes slices, unless there is a bitmap to count them by.
 */
function nulls(type: DataType, length: number): Data {
  return new Data(type, 0, length, length, [
    undefined,
    undefined,
    new Uint8Array(bitmapBytes(length))
  ] as never)
}

function shifted(bits: Uint8Array | undefined, offset: number, length: number): Uint8Array {
  // The IPC writer wants whole words.
  const target = new Uint8Array((bitmapBytes(length) + 7) & ~7)
  copyBits(target.subarray(0, bitmapBytes(length)), bits, offset, length)
  return target
}
