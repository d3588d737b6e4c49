/**
 * Arrow types and values as text that is the same for Python (test/interop/python/exact.py) and Node, so that two batches
 * are equal exactly if their texts are: numbers are the bytes they are stored as, whatever they mean.
 */
import { Type, type Data, type DataType, type Field, type RecordBatch, type Vector } from 'apache-arrow'

const units = ['s', 'ms', 'us', 'ns']

/** A type as pyarrow prints it. */
export function typeText(type: DataType): string {
  const any = type as DataType & Record<Parameters, number> & { dictionary: DataType; indices: DataType }
  const item = (): string => fieldText(type.children[0] as Field)
  switch (type.typeId) {
    case Type.Int:
      return `${any.isSigned ? '' : 'u'}int${any.bitWidth}`
    case Type.Float:
      return ['halffloat', 'float', 'double'][any.precision] as string
    case Type.Utf8:
      return 'string'
    case Type.LargeUtf8:
      return 'large_string'
    case Type.LargeBinary:
      return 'large_binary'
    case Type.FixedSizeBinary:
      return `fixed_size_binary[${any.byteWidth}]`
    case Type.Decimal:
      return `decimal${any.bitWidth}(${any.precision}, ${any.scale})`
    case Type.Date:
      return any.unit === 0 ? 'date32[day]' : 'date64[ms]'
    case Type.Time:
      return `time${any.bitWidth}[${units[any.unit]}]`
    case Type.Timestamp:
      return `timestamp[${units[any.unit]}${any.timezone ? `, tz=${any.timezone}` : ''}]`
    case Type.Duration:
      return `duration[${units[any.unit]}]`
    case Type.List:
      return `list<${item()}>`
    case Type.LargeList:
      return `large_list<${item()}>`
    case Type.FixedSizeList:
      return `fixed_size_list<${item()}>[${any.listSize}]`
    case Type.Struct:
      return `struct<${type.children.map(fieldText).join(', ')}>`
    case Type.Map:
      return `map<${((type.children[0] as Field).type as DataType).children.map(field => typeText(field.type as DataType)).join(', ')}>`
    case Type.Dictionary:
      return `dictionary<values=${typeText(any.dictionary)}, indices=${typeText(any.indices)}, ordered=${any.isOrdered ? 1 : 0}>`
    default:
      return type.toString().toLowerCase()
  }
}

type Parameters =
  | 'bitWidth'
  | 'byteWidth'
  | 'isOrdered'
  | 'isSigned'
  | 'listSize'
  | 'precision'
  | 'scale'
  | 'timezone'
  | 'unit'

/** A field as pyarrow prints it. */
export function fieldText({ name, type, nullable }: Field): string {
  return `${name}: ${typeText(type as DataType)}${nullable ? '' : ' not null'}`
}

/** The values of a column: null, booleans, texts, arrays of these, and of all others their bytes in hexadecimal digits. */
export function exactValues(data: Data): unknown[] {
  return Array.from({ length: data.length }, (_, row) => exactValue(data, row))
}

function exactValue(data: Data, row: number): unknown {
  if (data.type.typeId === Type.Null || !isValid(data, row)) return null
  const { children } = data
  const [child] = children as [Data]
  switch (data.type.typeId) {
    case Type.Bool:
      return bit(data.values as Uint8Array, data.offset + row)
    case Type.Utf8:
    case Type.LargeUtf8:
      return utf8.decode(bytesOf(data.values).subarray(...bounds(data, row)))
    case Type.Binary:
    case Type.LargeBinary:
      return hex(bytesOf(data.values).subarray(...bounds(data, row)))
    case Type.List:
    case Type.LargeList:
    case Type.Map:
      return rowsOf(child, ...bounds(data, row))
    case Type.FixedSizeList: {
      const size = (data.type as DataType & { listSize: number }).listSize
      return rowsOf(child, row * size, (row + 1) * size)
    }
    case Type.Struct:
      return children.map(column => exactValue(column, row))
    case Type.Dictionary:
      return valueAt(data.dictionary as Vector, Number((data.values as Int32Array)[row]))
    default: {
      const bytes = bytesOf(data.values)
      const width = widthOf(data.type)
      return hex(bytes.subarray(row * width, (row + 1) * width))
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function bit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3] as number) & (1 << (index & 7))) !== 0
}

function isValid({ nullBitmap, nullCount, offset }: Data, row: number): boolean {
  return (
    nullCount === 0 || nullBitmap === undefined || nullBitmap.length === 0 || bit(nullBitmap, offset + row)
  )
}

function bounds({ valueOffsets }: Data, row: number): [from: number, to: number] {
  const offsets = valueOffsets as unknown as Int32Array
  return [Number(offsets[row]), Number(offsets[row + 1])]
}

function rowsOf(child: Data, from: number, to: number): unknown[] {
  return Array.from({ length: to - from }, (_, index) => exactValue(child, from + index))
}

function valueAt(dictionary: Vector, index: number): unknown {
  let row = index
  for (const chunk of dictionary.data as Data[]) {
    if (row < chunk.length) return exactValue(chunk, row)
    row -= chunk.length
  }
  throw new Error(`the dictionary has no value ${index}`)
}

function widthOf(type: DataType): number {
  const any = type as DataType & Record<Parameters, number>
  switch (type.typeId) {
    case Type.Float:
      return 2 << any.precision
    case Type.FixedSizeBinary:
      return any.byteWidth
    case Type.Date:
      return any.unit === 0 ? 4 : 8
    case Type.Timestamp:
    case Type.Duration:
      return 8
    default:
      return any.bitWidth / 8
  }
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export type ExactColumn = [name: string, type: string, nullable: boolean]

/** What tells batches apart. */
export interface ExactBatch {
  columns: ExactColumn[]
  rows: number
  values: unknown[][]
}

/** A batch; its columns must be what its schema says. */
export function exactBatch(batch: RecordBatch): ExactBatch {
  const exact = exactColumns(batch)
  batch.schema.fields.forEach(({ name, type }, index) => {
    const [, stored] = exact.columns[index] as ExactColumn
    if (typeText(type as DataType) !== stored) throw new Error(`${name} is not ${String(type)} but ${stored}`)
    const column = batch.data.children[index] as Data
    const nulls = exact.values[index]?.filter(value => value === null).length
    if (column.nullCount !== nulls && type.typeId !== Type.Null)
      throw new Error(`${name} counts ${column.nullCount} nulls instead of ${nulls}`)
  })
  return exact
}

/** The same without a look at the types in the schema: with equal names apache-arrow mixes them up. */
export function exactColumns({ schema, data, numRows }: RecordBatch): ExactBatch {
  return {
    columns: data.children.map(({ type }, index) => {
      const { name, nullable } = schema.fields[index] as Field
      return [name, typeText(type), nullable]
    }),
    rows: numRows,
    values: data.children.map(exactValues)
  }
}
