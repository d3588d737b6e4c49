/** Values of columns and objects as text formats can have them. */
import {
  RecordBatch,
  Table,
  Type,
  Vector,
  type Data,
  type Decimal,
  type Date_,
  type Duration,
  type FixedSizeList,
  type Interval,
  type Time,
  type Timestamp,
  UnionMode,
  type Union
} from 'apache-arrow'
import { propertiesOf } from '../objects/tensor/tensor-value.js'
import { calendarInterval, dateText, dateTimeText, decimalText, durationText, timeText } from './moments.js'

/** What JSON has a form for; integers of any size. */
export type Plain = null | boolean | number | bigint | string | Plain[] | { [name: string]: Plain }

/** Reads a row of a column. */
export type CellReader = (row: number) => Plain

/** By the type of the column: apache-arrow gives dates, times and decimals as numbers that say nothing by themselves. */
export function cellReader(data: Data): CellReader {
  const read = presentReader(data)
  return row => (data.getValid(row) ? read(row) : null)
}

function presentReader(data: Data): CellReader {
  const { type } = data
  const raw = (row: number): bigint => BigInt((data.values as BigInt64Array | Int32Array)[row] as bigint)
  switch (type.typeId) {
    case Type.Null:
      return () => null
    case Type.Decimal:
      return decimalReader(data)
    case Type.Date:
      return row => dateText(raw(row), (type as Date_).unit)
    case Type.Timestamp: {
      const { unit, timezone } = type as Timestamp
      const zone = timezone ? 'Z' : ''
      return row => `${dateTimeText(raw(row), unit)}${zone}`
    }
    case Type.Time:
      return row => timeText(raw(row), (type as Time).unit)
    case Type.Duration:
      return row => durationText(raw(row), (type as Duration).unit)
    case Type.Interval:
      return row => calendarInterval(data.values as Int32Array, row, (type as Interval).unit)
    case Type.List:
    case Type.LargeList:
      return listReader(data)
    case Type.FixedSizeList: {
      const { listSize } = type as FixedSizeList
      const item = cellReader(data.children[0] as Data)
      return row => Array.from({ length: listSize }, (_, at) => item(row * listSize + at))
    }
    case Type.Struct:
      return structReader(data)
    case Type.Map:
      return mapReader(data)
    case Type.Union:
      return unionReader(data)
    case Type.Dictionary:
      return dictionaryReader(data)
    default: {
      const column = new Vector([data])
      return row => plainValue(column.get(row))
    }
  }
}

function decimalReader(data: Data): CellReader {
  const { scale, bitWidth } = data.type as Decimal
  const words = bitWidth / 32
  return row => {
    const own = (data.values as Uint32Array).subarray(row * words, (row + 1) * words)
    const unsigned = own.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n)
    return decimalText(BigInt.asIntN(bitWidth, unsigned), scale)
  }
}

/** From where to where the items of a row are in the child. */
function itemsOf(data: Data, row: number): number[] {
  const [from, to] = [0, 1].map(end => Number((data.valueOffsets as Int32Array)[row + end]))
  return Array.from({ length: (to as number) - (from as number) }, (_, at) => (from as number) + at)
}

function listReader(data: Data): CellReader {
  const item = cellReader(data.children[0] as Data)
  return row => itemsOf(data, row).map(item)
}

function structReader(data: Data): CellReader {
  const members = data.type.children.map(
    ({ name }: { name: string }, index: number) => [name, cellReader(data.children[index] as Data)] as const
  )
  return row => Object.fromEntries(members.map(([name, read]) => [name, read(row)]))
}

/** An object where the keys can be names, pairs otherwise. */
function mapReader(data: Data): CellReader {
  const entries = data.children[0] as Data
  const [key, value] = entries.children.map(cellReader) as [CellReader, CellReader]
  return row => {
    const pairs = itemsOf(data, row).map(at => [key(at), value(at)] as [Plain, Plain])
    const names = new Set(pairs.map(([name]) => name))
    const named = pairs.every(([name]) => typeof name === 'string') && names.size === pairs.length
    return named ? Object.fromEntries(pairs as [string, Plain][]) : pairs
  }
}

function unionReader(data: Data): CellReader {
  const { mode, typeIdToChildIndex } = data.type as Union
  const children = data.children.map(cellReader)
  const dense = mode === UnionMode.Dense
  return row => {
    const child = typeIdToChildIndex[(data.typeIds as unknown as Int8Array)[row] as number] as number
    return (children[child] as CellReader)(dense ? Number((data.valueOffsets as Int32Array)[row]) : row)
  }
}

function dictionaryReader(data: Data): CellReader {
  const parts = (data.dictionary as Vector).data.map(part => ({
    length: part.length,
    read: cellReader(part)
  }))
  return row => {
    let index = Number((data.values as Int32Array)[row])
    for (const { length, read } of parts) {
      if (index < length) return read(index)
      index -= length
    }
    return null
  }
}

/** A value that is no cell of a column. Numbers that JSON does not know, and bytes, become texts. */
export function plainValue(value: unknown): Plain {
  switch (typeof value) {
    case 'boolean':
    case 'bigint':
    case 'string':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'object':
      return value === null ? null : plainObject(value)
    default:
      return null
  }
}

function plainObject(value: object): Plain {
  const { shape, dtype } = propertiesOf(value)
  if (shape !== undefined) return nested(value as ArrayLike<unknown>, shape, dtype === 'bool')
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? String(value) : value.toISOString()
  if (value instanceof RecordBatch || value instanceof Table)
    return (value instanceof Table ? value.batches : [value]).flatMap(rowsOf)
  if (value instanceof Vector) return value.data.flatMap(column)
  if (value instanceof Map) return [...value].map(pair => pair.map(plainValue))
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plainValue)
  if (Symbol.iterator in value) return Array.from(value as Iterable<unknown>, plainValue)
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainValue(part)]))
}

function column(data: Data): Plain[] {
  return Array.from({ length: data.length }, (_, row) => cellReader(data)(row))
}

function rowsOf(batch: RecordBatch): Plain[] {
  const read = structReader(batch.data)
  return Array.from({ length: batch.numRows }, (_, row) => read(row))
}

/** The values of a tensor in arrays in arrays; what takes several numbers a value, such as complex64, in one more. */
function nested(values: ArrayLike<unknown>, shape: readonly number[], truth: boolean): Plain {
  const count = shape.reduce((product, extent) => product * extent, 1)
  const each = count === 0 ? 1 : values.length / count
  let at = 0
  const next = (): Plain => {
    const value = values[at]
    at += 1
    return truth ? value !== 0 : plainValue(value)
  }
  const level = ([extent, ...rest]: readonly number[]): Plain =>
    extent === undefined ? next() : Array.from({ length: extent }, () => level(rest))
  return level(each === 1 ? shape : [...shape, each])
}
