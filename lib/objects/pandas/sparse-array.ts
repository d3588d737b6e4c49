import type { Data } from 'apache-arrow'
import { attachLease } from '../../memory/lease.js'
import { NotAColumn } from '../arrow/column-type.js'
import type { ColumnType } from '../arrow/column-type.js'
import { count, metadataError, text } from '../fields.js'
import type { Metadata, ObjectType, ReadContext } from '../model.js'
import { OpaqueObject } from '../opaque.js'
import { dtypeNamed } from '../tensor/dtype.js'
import type { Dtype, TensorArray } from '../tensor/dtype.js'
import { readValues } from '../tensor/tensor.js'
import { numberColumn } from '../tensor/tensor-column.js'

/** A pandas SparseArray: `length` elements, all `fillValue` but those at `indices`. */
export class SparseArray {
  constructor(
    /** How many elements there are, stored or not. */
    readonly length: number,
    /** What the elements are that are not stored. */
    readonly fillValue: number | bigint,
    /** Where the stored elements are. */
    readonly indices: Int32Array<ArrayBufferLike>,
    /** The stored elements. */
    readonly values: TensorArray,
    /** numpy's text for the type of an element. */
    readonly dtype: string
  ) {}
}

/** Without another column or an index nothing but the metadata says how long a dense column would be. */
const maxDense = 1 << 24

/** vineyard::SparseArray: the positions of the elements that are not the fill value, and these elements. */
export const sparseArray: ObjectType = {
  typenames: ['vineyard::SparseArray'],

  read(meta, context) {
    const sparse = readSparse(meta, context)
    if (sparse === undefined)
      return new OpaqueObject(meta, 'there is no reader for its index or elements', context)
    return context.handle === undefined ? sparse : attachLease(sparse, context.handle)
  }
}

export function isSparse(meta: Metadata): boolean {
  return typeof meta.typename === 'string' && meta.typename.startsWith('vineyard::SparseArray')
}

function readSparse(meta: Metadata, context: ReadContext): SparseArray | undefined {
  const [, name = '', fill = ''] = /^Sparse\[([^,]+), ([^\]]+)\]$/.exec(text(meta, 'value_type_')) ?? []
  const type = dtypeNamed(name)
  const fillValue = type === undefined ? undefined : fillOf(fill, type)
  if (type === undefined || fillValue === undefined || text(meta, 'sp_index_name') !== 'IntIndex')
    return undefined
  const indices = tensorValues(context.member(meta, 'sp_index'), context)
  const values = tensorValues(context.member(meta, 'sp_values'), context)
  const fits = indices instanceof Int32Array && indices.length === values?.length
  if (!fits || !(values instanceof type.array)) throw metadataError(meta, 'index and values do not fit')
  const length = count(meta, 'sp_index_size')
  if (indices.some(index => index < 0 || index >= length))
    throw metadataError(meta, 'an index is out of range')
  return new SparseArray(length, fillValue, indices, values, type.name)
}

function tensorValues(meta: Metadata, context: ReadContext): TensorArray | undefined {
  const type = dtypeNamed(text(meta, 'value_type_'))
  return type === undefined ? undefined : readValues(meta, context, type)
}

/** The fill value as Python prints it. */
function fillOf(fill: string, type: Dtype): number | bigint | undefined {
  if (fill === 'nan') return NaN
  if (fill === 'True' || fill === 'False') return Number(fill === 'True')
  if (!/^-?\d+(\.\d*)?(e[+-]?\d+)?$/.test(fill)) return undefined
  const wide = type.array.name.startsWith('Big')
  return wide ? (/^-?\d+$/.test(fill) ? BigInt(fill) : undefined) : Number(fill)
}

/** All elements, as a column of `rows` rows where that is known. */
export function readDense(meta: Metadata, context: ReadContext, rows: number | undefined): Data {
  const sparse = readSparse(meta, context)
  if (sparse === undefined) throw new NotAColumn(meta, 'there is no reader for its index or elements')
  const { length, fillValue, indices, values, dtype } = sparse
  if (rows === undefined ? length > maxDense : length !== rows) {
    throw metadataError(meta, `a sparse column of ${length} elements does not fit`)
  }
  const type = dtypeNamed(dtype) as Dtype
  const dense = new type.array(length)
  ;(dense as unknown as { fill(value: number | bigint): void }).fill(fillValue)
  indices.forEach((index, i) => {
    dense[index] = values[i] as number | bigint
  })
  return numberColumn(meta, dense, type, [length], context.handle)
}

export const sparseColumn: ColumnType = {
  typenames: sparseArray.typenames,
  column: (meta, context) => readDense(meta, context, undefined)
}
