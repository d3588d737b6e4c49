import { Type, Vector } from 'apache-arrow'
import type { Data, DataType } from 'apache-arrow'
import { VineyardError } from '../../errors.js'
import { anyType, isOneOf, itemType, typeName, typeOf } from '../arrow/any-type.js'
import { describeString } from '../arrow/binary-array.js'
import { bit } from '../arrow/bitmap.js'
import { ownData } from '../arrow/own-types.js'
import { storageOf } from '../arrow/primitive-types.js'
import { utf8Column } from '../arrow/utf8-column.js'
import { BlobDraft } from '../model.js'
import type { ObjectDraft } from '../model.js'
import { dtypeNamed } from '../tensor/dtype.js'
import type { Dtype } from '../tensor/dtype.js'
import { describePickledBools } from '../tensor/pickled-bools.js'
import { describeTensor, describeTextTensor } from '../tensor/tensor.js'
import { describePickledTimes } from './pickled-times.js'

export interface PandasColumnOptions {
  /** The type, for a column without chunks. */
  type?: DataType
  /** A tensor in any case: an index or a series cannot be one of pandas' own arrays. */
  asTensor?: boolean
}

const units = ['s', 'ms', 'us', 'ns'] as const
const notATime = -(2n ** 63n)

/**
 * The draft of a pandas column, as pandas has the values: booleans with a byte each, nulls as NaN among
 * numbers (integers become float64) and as None among texts and booleans, times as pandas' own arrays with
 * NaT. Throws ERR_VINEYARD_TYPE for types that pandas has no column for, and for integers that are not exact as float64.
 */
export function describePandasColumn(
  chunks: readonly Data[],
  { type, asTensor = false }: PandasColumnOptions
): ObjectDraft {
  const arrowType = anyType((chunks[0]?.type ?? type) as DataType)
  const nulls = chunks.reduce((sum, chunk) => sum + chunk.nullCount, 0)
  const rows = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  switch (arrowType.typeId) {
    case Type.Null:
      return describeTexts(new Array<null>(rows).fill(null))
    case Type.Bool:
      return nulls > 0 ? describePickledBools(chunks) : describeNumbers(chunks, named('bool'), copyBools)
    case Type.Int:
      if (nulls > 0) chunks.forEach(checkExact)
      return nulls > 0
        ? describeNumbers(chunks, named('float64'), copyWithNaN)
        : describeNumbers(
            chunks,
            named(`${arrowType.isSigned ? '' : 'u'}int${arrowType.bitWidth}`),
            copyPlain
          )
    case Type.Float:
      return describeNumbers(
        chunks,
        named(`float${16 << arrowType.precision}`),
        nulls > 0 ? copyWithNaN : copyPlain
      )
    case Type.Utf8:
    case Type.LargeUtf8:
      if (chunks.length === 1) return describeTextTensor(describeString(chunks[0] as Data), rows)
      return describeTexts(valuesOf(chunks) as (string | null)[])
    case Type.Dictionary:
      // pandas' categories cannot be stored: their reader fails. Texts are stored as texts.
      if (isOneOf(arrowType.dictionary, Type.Utf8, Type.LargeUtf8)) {
        return describeTexts(valuesOf(chunks) as (string | null)[])
      }
      break
    case Type.Timestamp:
      return describeTimes(chunks, `datetime64[${units[arrowType.unit]}]`, arrowType.timezone, asTensor)
    // pandas' own array is read no better than a tensor (either can be computed with, not printed).
    case Type.Duration:
      return describeNumbers(chunks, named(`timedelta64[${units[arrowType.unit]}]`), copyTimes)
    case Type.Date:
      return describeTimes(chunks, 'datetime64[ms]', null, asTensor)
    case Type.FixedSizeList: {
      const child = itemType(arrowType)
      const values = chunks.map(chunk =>
        (chunk.children[0] as Data).slice(0, chunk.length * arrowType.listSize)
      )
      const plain = storageOf(child) !== undefined && isOneOf(child, Type.Int, Type.Float)
      if (!plain || nulls > 0 || values.some(value => value.nullCount > 0)) break
      const { name } = named(
        child.typeId === Type.Float
          ? `float${16 << child.precision}`
          : `${child.isSigned ? '' : 'u'}int${child.bitWidth}`
      )
      return describeNumbers(values, named(name), copyPlain, [rows, arrowType.listSize])
    }
    default:
      break
  }
  throw new VineyardError(
    'ERR_VINEYARD_TYPE',
    `the Arrow type ${typeName(arrowType)} has no column in a data frame`
  )
}

function named(name: string): Dtype {
  return dtypeNamed(name) as Dtype
}

function valuesOf(chunks: readonly Data[]): unknown[] {
  return chunks.length === 0 ? [] : [...new Vector(chunks.map(ownData))]
}

function describeTexts(texts: readonly (string | null)[]): ObjectDraft {
  return describeTextTensor(describeString(utf8Column(texts)), texts.length)
}

/** An id that became its neighbour would be found by nobody. */
function checkExact(chunk: Data): void {
  const values = chunk.values as ArrayLike<number | bigint>
  for (let i = 0; i < chunk.length; i += 1) {
    const value = values[i]
    if (typeof value !== 'bigint') return
    if (BigInt(Number(value)) === value || !chunk.getValid(i)) continue
    throw new VineyardError(
      'ERR_VINEYARD_TYPE',
      `it has nulls and ${value}: pandas has integers with nulls as float64, which cannot tell this one from its neighbours. ` +
        'Fill the nulls, cast the column to Utf8 or Float64, or write record batches'
    )
  }
}

type Copy = (target: Uint8Array, chunk: Data, type: Dtype) => void

function describeNumbers(
  chunks: readonly Data[],
  type: Dtype,
  copy: Copy,
  shape?: readonly number[]
): ObjectDraft {
  const width = type.array.BYTES_PER_ELEMENT
  const values = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const buffer = new BlobDraft(values * width, target => {
    let at = 0
    for (const chunk of chunks) {
      const end = at + chunk.length * width
      copy(target.subarray(at, end), chunk, type)
      at = end
    }
  })
  return describeTensor(type, buffer, { shape: shape ?? [values] })
}

const copyPlain: Copy = (target, chunk) => {
  const values = chunk.values as NodeJS.TypedArray | undefined
  const given = Math.min(values?.byteLength ?? 0, target.byteLength)
  if (values !== undefined) target.set(new Uint8Array(values.buffer, values.byteOffset, given))
  target.fill(0, given)
}

const copyBools: Copy = (target, chunk) => {
  for (let i = 0; i < chunk.length; i += 1)
    target[i] = Number(bit(chunk.values as Uint8Array, chunk.offset + i))
}

/** Numbers as floats of the wanted width, NaN for null. */
const copyWithNaN: Copy = (target, chunk, type) => {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength)
  const values = chunk.values as ArrayLike<number | bigint>
  for (let i = 0; i < chunk.length; i += 1) {
    const valid = chunk.getValid(i)
    const value = valid ? (values[i] as number | bigint) : NaN
    if (type.name === 'float64') view.setFloat64(8 * i, Number(value), true)
    else if (type.name === 'float32') view.setFloat32(4 * i, Number(value), true)
    else view.setUint16(2 * i, valid ? Number(value) : 0x7e00, true)
  }
}

/** Times as 64-bit integers, with NaT for null; days and milliseconds of dates as milliseconds. */
const copyTimes: Copy = (target, chunk) => {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength)
  const values = chunk.values as ArrayLike<number | bigint>
  const { typeId, unit } = typeOf(chunk)
  const factor = typeId === Type.Date && unit === 0 ? 86_400_000n : 1n
  for (let i = 0; i < chunk.length; i += 1) {
    view.setBigInt64(8 * i, chunk.getValid(i) ? BigInt(values[i] as number) * factor : notATime, true)
  }
}

function describeTimes(
  chunks: readonly Data[],
  dtype: string,
  timezone: string | null,
  asTensor: boolean
): ObjectDraft {
  const tensor = describeNumbers(chunks, named(dtype), copyTimes)
  if (asTensor) {
    if ((timezone ?? '') === '') return tensor
    throw new VineyardError('ERR_VINEYARD_TYPE', 'times with a time zone have no tensor')
  }
  return describePickledTimes(tensor.members['buffer_'] as BlobDraft, dtype, timezone)
}
