import { Data, Type } from 'apache-arrow'
import { VineyardError } from '../../errors.js'

type Numbers = Exclude<NodeJS.TypedArray, Uint8ClampedArray>
type Buffers = ConstructorParameters<typeof Data>[4]

/**
 * The given rows of a column, in that order, copied. Works on the buffers, so that every value stays exact. Throws
 * ERR_VINEYARD_UNSUPPORTED for unions and views.
 */
export function takeRows(data: Data, rows: ArrayLike<number>): Data {
  const { type } = data
  switch (type.typeId) {
    case Type.Null:
      return new Data(type, 0, rows.length, rows.length)
    case Type.Bool:
      return make(data, rows, { values: takeBits(data.values, data.offset, rows) })
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Binary:
    case Type.LargeBinary:
      return takeVariable(data, rows)
    case Type.List:
    case Type.LargeList:
    case Type.Map: {
      const { offsets, elements } = takeRuns(data, rows)
      return make(data, rows, { offsets, children: [takeRows(data.children[0] as Data, elements)] })
    }
    case Type.FixedSizeList: {
      const { listSize } = type as unknown as { listSize: number }
      const elements = Array.from(rows).flatMap(row =>
        Array.from({ length: listSize }, (_, i) => row * listSize + i)
      )
      return make(data, rows, { children: [takeRows(data.children[0] as Data, elements)] })
    }
    case Type.Struct:
      return make(data, rows, { children: data.children.map(child => takeRows(child, rows)) })
    case Type.Union:
    case Type.Utf8View:
    case Type.BinaryView:
      throw new VineyardError('ERR_VINEYARD_UNSUPPORTED', `rows of ${String(type)} cannot be distributed`)
    default:
      return make(data, rows, { values: takeFixed(data.values, data.stride, rows) })
  }
}

interface Parts {
  offsets?: Numbers
  values?: Numbers
  children?: Data[]
}

function make(data: Data, rows: ArrayLike<number>, { offsets, values, children = [] }: Parts): Data {
  const nulls = data.nullCount === 0 ? undefined : takeBits(data.nullBitmap, data.offset, rows)
  const buffers = [offsets, values, nulls] as unknown as Buffers
  return new Data(data.type, 0, rows.length, nulls ? -1 : 0, buffers, children, data.dictionary)
}

function takeBits(bits: Uint8Array, offset: number, rows: ArrayLike<number>): Uint8Array {
  const taken = new Uint8Array(Math.ceil(rows.length / 8))
  for (let i = 0; i < rows.length; i += 1) {
    const at = offset + (rows[i] as number)
    if (((bits[at >> 3] as number) >> (at & 7)) & 1)
      taken[i >> 3] = (taken[i >> 3] as number) | (1 << (i & 7))
  }
  return taken
}

function takeFixed(values: Numbers, stride: number, rows: ArrayLike<number>): Numbers {
  const Array = values.constructor as new (length: number) => Numbers
  const taken = new Array(rows.length * stride)
  for (let i = 0; i < rows.length; i += 1) {
    const at = (rows[i] as number) * stride
    taken.set(values.subarray(at, at + stride) as never, i * stride)
  }
  return taken
}

/** New offsets for the runs that the rows refer to, and the positions of their elements. */
function takeRuns(data: Data, rows: ArrayLike<number>): { offsets: Numbers; elements: number[] } {
  const from = data.valueOffsets as unknown as Int32Array | BigInt64Array
  const ends = [0]
  const elements: number[] = []
  for (let i = 0; i < rows.length; i += 1) {
    const row = rows[i] as number
    for (let at = Number(from[row]); at < Number(from[row + 1]); at += 1) elements.push(at)
    ends.push(elements.length)
  }
  return { offsets: offsetsLike(from, ends), elements }
}

function takeVariable(data: Data, rows: ArrayLike<number>): Data {
  const from = data.valueOffsets as unknown as Int32Array | BigInt64Array
  const bytes = data.values as unknown as Uint8Array
  const runs: Uint8Array[] = []
  const ends = [0]
  let end = 0
  for (let i = 0; i < rows.length; i += 1) {
    const row = rows[i] as number
    const run = bytes.subarray(Number(from[row]), Number(from[row + 1]))
    runs.push(run)
    ends.push((end += run.byteLength))
  }
  const values = new Uint8Array(end)
  runs.forEach((run, i) => values.set(run, ends[i]))
  return make(data, rows, { offsets: offsetsLike(from, ends), values })
}

function offsetsLike(from: Int32Array | BigInt64Array, ends: number[]): Numbers {
  return from instanceof Int32Array ? Int32Array.from(ends) : BigInt64Array.from(ends, BigInt)
}
