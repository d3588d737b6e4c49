import { Bool, Field, FixedSizeList, LargeUtf8, Timestamp, TimeUnit } from 'apache-arrow'
import type { Data, DataType } from 'apache-arrow'
import type { LeaseHandle } from '../../memory/lease.js'
import { bitmapOf } from '../arrow/bitmap.js'
import { NotAColumn } from '../arrow/column-type.js'
import type { ColumnType } from '../arrow/column-type.js'
import { makeColumn } from '../arrow/leased-data.js'
import { primitiveNamed } from '../arrow/primitive-types.js'
import { utf8Column } from '../arrow/utf8-column.js'
import { elementsOf, metadataError, shapeOf, text } from '../fields.js'
import type { Metadata, ReadContext } from '../model.js'
import { dtypeNamed } from './dtype.js'
import type { Dtype, TensorArray } from './dtype.js'
import { fixedWidthType, readFixedWidth } from './fixed-width.js'
import { readPickledBools } from './pickled-bools.js'
import { isTextTensor, readValues, textColumn } from './tensor.js'

/** numpy's "not a time": the least integer. */
const notATime = -(2n ** 63n)

/**
 * vineyard::Tensor as a column: pandas' columns are tensors. A second dimension makes lists of a fixed size,
 * complex numbers are lists of two, booleans are packed into bits, and times that are "not a time" become
 * null.
 */
export const tensorColumn: ColumnType = {
  typenames: ['vineyard::Tensor'],

  column(meta, context) {
    const { handle } = context
    const shape = shapeOf(meta, 'shape_')
    const [rows] = shape
    if (rows === undefined) throw metadataError(meta, 'a tensor without dimensions is no column')
    elementsOf(meta, shape)
    if (text(meta, 'value_type_') === 'object') return objectColumn(meta, context, shape)
    if (isTextTensor(meta)) return textColumn(meta, context)
    const type = dtypeNamed(text(meta, 'value_type_'))
    if (type !== undefined) return numberColumn(meta, readValues(meta, context, type), type, shape, handle)
    const fixed = fixedWidthType(meta)
    if (fixed?.kind !== 'U' || shape.length !== 1)
      throw new NotAColumn(meta, `no column has ${text(meta, 'value_type_')}`)
    const texts = utf8Column(readFixedWidth(meta, context, fixed, rows) as string[])
    const buffers = [texts.valueOffsets, texts.values, undefined] as const
    return makeColumn(handle, { type: new LargeUtf8(), length: rows, nullCount: 0, buffers: [...buffers] })
  }
}

/**
 * A column of numbers by numpy's type and shape; the values are kept where Arrow has them in the same form.
 */
export function numberColumn(
  meta: Metadata,
  values: TensorArray,
  type: Dtype,
  shape: readonly number[],
  handle: LeaseHandle | undefined
): Data {
  const flat = flatColumn(meta, values, type, handle)
  const length = shape[0] ?? 0
  const perRow = shape.slice(1).reduce((product, extent) => product * extent, 1) * type.perValue
  if (shape.length === 1 && type.perValue === 1) return flat
  return makeColumn(handle, {
    type: new FixedSizeList(perRow, new Field('item', flat.type, false)),
    length,
    nullCount: 0,
    buffers: [],
    children: [flat]
  })
}

function flatColumn(meta: Metadata, values: TensorArray, type: Dtype, handle: LeaseHandle | undefined): Data {
  const { length } = values
  if (type.name === 'bool') {
    const bits = bitmapOf(length, i => values[i] !== 0)
    return makeColumn(handle, { type: new Bool(), length, nullCount: 0, buffers: [undefined, bits] })
  }
  const isTime = type.name.startsWith('datetime64') || type.name.startsWith('timedelta64')
  if (isTime) return timeColumn(meta, values as BigInt64Array, type.name, handle)
  const name = type.perValue === 2 ? (values instanceof Float32Array ? 'float32' : 'float64') : type.name
  const arrowType = primitiveNamed(name) as DataType
  return makeColumn(handle, { type: arrowType, length, nullCount: 0, buffers: [undefined, values] })
}

/** A column of times: null where numpy has "not a time". */
export function timeColumn(
  meta: Metadata,
  values: BigInt64Array,
  dtype: string,
  handle: LeaseHandle | undefined
): Data {
  const { length } = values
  const days = dtype === 'datetime64[D]'
  const type = days ? new Timestamp(TimeUnit.SECOND, null) : primitiveNamed(dtype)
  if (type === undefined) throw new NotAColumn(meta, `Arrow has no ${dtype}`)
  const valid = values.includes(notATime) ? bitmapOf(length, i => values[i] !== notATime) : undefined
  // Arrow's dates have 32 bits, numpy's days 64: seconds hold both.
  const numbers = days ? values.map(day => (day === notATime ? day : day * 86_400n)) : values
  return makeColumn(handle, {
    type: type,
    length,
    nullCount: valid === undefined ? 0 : -1,
    buffers: [undefined, numbers, valid]
  })
}

/** Objects are pickled; only the booleans with nulls that this package writes are known by their bytes. */
function objectColumn(meta: Metadata, context: ReadContext, shape: readonly number[]): Data {
  const bytes = context.blob(meta, 'buffer_')
  const bools = shape.length === 1 ? readPickledBools(bytes, shape[0] as number, context.handle) : undefined
  if (bools !== undefined) return bools
  throw new NotAColumn(meta, 'its elements were pickled by Python, and unpickling would run code')
}
