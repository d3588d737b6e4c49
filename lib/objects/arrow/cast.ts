import { Type } from 'apache-arrow'
import type { Data, DataType, Field } from 'apache-arrow'
import { metadataError } from '../fields.js'
import type { Metadata } from '../model.js'
import { anyType, isOneOf, itemType, typeName, typeOf } from './any-type.js'
import type { AnyType } from './any-type.js'
import { parseDecimal } from './decimal.js'
import { LeasedData, makeColumn } from './leased-data.js'
import { narrowOffsets, widenOffsets } from './offsets.js'
import { primitiveKind } from './primitive-types.js'

/**
 * A stored column as the type that its schema gives it: columns are stored in plain forms (timestamps as
 * int64, texts with 64-bit offsets), and readers cast each to the type in the schema. Buffers are kept
 * wherever the layout is the same. Throws ERR_VINEYARD_METADATA for a column that cannot be of that type.
 */
export function castColumn(meta: Metadata, column: Data, wantedType: DataType): Data {
  const type = anyType(wantedType)
  const from = typeOf(column)
  const refuse = (): never => {
    throw metadataError(meta, `a column of type ${typeName(from)} cannot be read as ${typeName(type)}`)
  }
  if (keepsNumbers(from, type)) return column.clone(type)
  if (primitiveKind(from) !== undefined && primitiveKind(type) !== undefined) {
    return castNumbers(column, type) ?? refuse()
  }
  switch (type.typeId) {
    case Type.Utf8:
      if (from.typeId === Type.Utf8) return column.clone(type)
      return from.typeId === Type.LargeUtf8 ? narrow(column, type) : refuse()
    case Type.LargeUtf8:
      if (from.typeId === Type.LargeUtf8) return column.clone(type)
      return from.typeId === Type.Utf8 ? widen(column, type) : refuse()
    case Type.Binary:
      if (from.typeId === Type.Binary) return column.clone(type)
      return from.typeId === Type.LargeBinary ? narrow(column, type) : refuse()
    case Type.LargeBinary:
      if (from.typeId === Type.LargeBinary) return column.clone(type)
      return from.typeId === Type.Binary ? widen(column, type) : refuse()
    case Type.FixedSizeBinary:
      return from.typeId === Type.FixedSizeBinary && from.byteWidth === type.byteWidth
        ? column.clone(type)
        : refuse()
    case Type.List:
      if (from.typeId === Type.List) return castValues(meta, column, type)
      return from.typeId === Type.LargeList ? castValues(meta, narrow(column, from), type) : refuse()
    case Type.LargeList:
      if (from.typeId === Type.LargeList) return castValues(meta, column, type)
      return from.typeId === Type.List ? castValues(meta, widen(column, from), type) : refuse()
    case Type.FixedSizeList:
      if (from.typeId === Type.FixedSizeList && from.listSize === type.listSize)
        return castValues(meta, column, type)
      return isOneOf(from, Type.List, Type.LargeList) ? fixedSizeLists(meta, column, type) : refuse()
    case Type.Decimal:
      if (from.typeId === Type.Decimal && from.bitWidth === type.bitWidth && from.scale === type.scale) {
        return column.clone(type)
      }
      return from.typeId === Type.LargeUtf8 || from.typeId === Type.Utf8
        ? decimals(meta, column, type)
        : refuse()
    default:
      break
  }
  return sameLayout(from, type) ? retype(column, type) : refuse()
}

/** Whether stored numbers are the values of another type as they are. */
export function keepsNumbers(from: DataType, to: DataType): boolean {
  const stored = primitiveKind(from)
  const wanted = primitiveKind(to)
  return (
    stored !== undefined && stored.layout === wanted?.layout && compatibleUnits(anyType(from), anyType(to))
  )
}

function handleOf(column: Data): LeasedData['handle'] | undefined {
  return column instanceof LeasedData ? column.handle : undefined
}

/** Times of different units hold different numbers; a plain number stands for any unit. */
function compatibleUnits(from: AnyType, to: AnyType): boolean {
  const numbers = from.typeId === Type.Int || to.typeId === Type.Int
  return numbers || (from.typeId === to.typeId && from.unit === to.unit)
}

/**
 * Converts numbers value by value where the schema has another width; undefined where a value does not fit.
 */
function castNumbers(column: Data, type: AnyType): Data | undefined {
  const from = typeOf(column)
  if (!isOneOf(from, Type.Int, Type.Float) || !isOneOf(type, Type.Int, Type.Float)) return undefined
  if (from.precision === 0 || type.precision === 0) return undefined
  const source = column.values as Int32Array | BigInt64Array
  const values = new (type.ArrayType as new (length: number) => Int32Array | BigInt64Array)(column.length)
  const wide = values instanceof BigInt64Array || (values as object) instanceof BigUint64Array
  for (let i = 0; i < column.length; i += 1) {
    const value = source[i] as number | bigint
    if (!column.getValid(i)) continue
    if (wide && typeof value === 'number' && !Number.isInteger(value)) return undefined
    ;(values as { [index: number]: number | bigint })[i] = wide ? BigInt(value) : Number(value)
    if (type.typeId === Type.Int && String(values[i]) !== String(value)) return undefined
  }
  const { length, offset } = column
  const nullCount = column.nullCount
  const nullBitmap = nullCount > 0 ? column.nullBitmap : undefined
  return makeColumn(handleOf(column), {
    type,
    length,
    offset,
    nullCount,
    buffers: [undefined, values, nullBitmap]
  })
}

/** With 32-bit offsets. More than 2 GiB of values stay as they are: their type is wide then. */
function narrow(column: Data, type: DataType): Data {
  const offsets = column.valueOffsets as unknown as BigInt64Array
  const narrowed = narrowOffsets(offsets)
  return narrowed === undefined ? column : withOffsets(column, type, narrowed)
}

function widen(column: Data, type: DataType): Data {
  return withOffsets(column, type, widenOffsets(column.valueOffsets as Int32Array))
}

function withOffsets(column: Data, type: DataType, offsets: Int32Array | BigInt64Array): Data {
  const { length, offset, children } = column
  return makeColumn(handleOf(column), {
    type,
    length,
    offset,
    nullCount: nullCountOf(column),
    buffers: [offsets, column.values as Uint8Array | undefined, column.nullBitmap],
    children: children
  })
}

/** The count as it is known, so that it is not counted before somebody asks. */
function nullCountOf(column: Data): number {
  return (column as unknown as { _nullCount: number })._nullCount
}

/** The same column with another type and other children. */
function withChildren(column: Data, type: DataType, children: Data[]): Data {
  const { offset, length } = column
  return column.clone(type, offset, length, nullCountOf(column), column as never, children)
}

function castValues(meta: Metadata, column: Data, type: AnyType): Data {
  const values = castColumn(meta, column.children[0] as Data, itemType(type))
  // A column that was too long for 32-bit offsets stays a large list.
  const isWide = (column.valueOffsets as unknown) instanceof BigInt64Array
  const kept = isWide && type.typeId === Type.List ? typeOf(column) : type
  return withChildren(column, kept, [values])
}

function fixedSizeLists(meta: Metadata, column: Data, type: AnyType): Data {
  const { length, offset } = column
  const size = type.listSize
  const offsets = column.valueOffsets as unknown as Int32Array | BigInt64Array
  const begin = Number(offsets[0] ?? 0)
  for (let i = 0; i <= length; i += 1) {
    if (Number(offsets[i] ?? 0) !== begin + i * size) {
      throw metadataError(meta, `lists of other sizes than ${size} cannot be read as lists of that size`)
    }
  }
  const values = (column.children[0] as Data).slice(begin, length * size)
  return makeColumn(handleOf(column), {
    type,
    length,
    offset,
    nullCount: nullCountOf(column),
    buffers: [undefined, undefined, column.nullBitmap],
    children: [castColumn(meta, values, itemType(type))]
  })
}

function decimals(meta: Metadata, column: Data, type: AnyType): Data {
  const { length, offset } = column
  const { scale, bitWidth } = type
  const values = new Uint32Array((length * bitWidth) / 32)
  const offsets = column.valueOffsets as unknown as Int32Array | BigInt64Array
  const text = Buffer.from(column.values as Uint8Array)
  for (let i = 0; i < length; i += 1) {
    if (!column.getValid(i)) continue
    const unscaled = parseDecimal(text.toString('latin1', Number(offsets[i]), Number(offsets[i + 1])), scale)
    if (unscaled === undefined) throw metadataError(meta, `not a decimal number with ${scale} places`)
    let rest = BigInt.asUintN(bitWidth, unscaled)
    for (let word = 0; word < bitWidth / 32; word += 1) {
      values[(i * bitWidth) / 32 + word] = Number(rest & 0xffffffffn)
      rest >>= 32n
    }
  }
  const nullCount = column.nullCount
  const nullBitmap = nullCount > 0 ? column.nullBitmap : undefined
  return makeColumn(handleOf(column), {
    type,
    length,
    offset,
    nullCount,
    buffers: [undefined, values, nullBitmap]
  })
}

/** Whether two nested types are laid out alike; names and ids of dictionaries may differ. */
function sameLayout(a: AnyType, b: AnyType): boolean {
  if (a.typeId !== b.typeId) return false
  if (a.typeId === Type.Dictionary) {
    return (
      sameLayout(anyType(a.indices), anyType(b.indices)) &&
      sameLayout(anyType(a.dictionary), anyType(b.dictionary))
    )
  }
  for (const key of [
    'bitWidth',
    'isSigned',
    'precision',
    'scale',
    'unit',
    'byteWidth',
    'listSize',
    'mode'
  ] as const) {
    if (a[key] !== b[key]) return false
  }
  const left = a.children ?? []
  const right = b.children ?? []
  const same = (i: number): boolean =>
    sameLayout(anyType((left[i] as Field).type), anyType((right[i] as Field).type))
  return left.length === right.length && left.every((_, i) => same(i))
}

function retype(column: Data, type: AnyType): Data {
  const fields = type.typeId === Type.Dictionary ? [] : (type.children ?? [])
  const children = column.children.map((child, i) => retype(child, anyType(fields[i]?.type ?? child.type)))
  return withChildren(column, type, children)
}
