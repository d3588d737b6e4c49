import { attachLease } from '../../memory/lease.js'
import type { ColumnType } from '../arrow/column-type.js'
import { NotAColumn } from '../arrow/column-type.js'
import { viewValues } from '../arrow/array-fields.js'
import type { Metadata, ObjectType, ReadContext } from '../model.js'
import { OpaqueObject } from '../opaque.js'
import { dtypeNamed } from './dtype.js'
import type { Dtype, TensorArray } from './dtype.js'
import { numberColumn } from './tensor-column.js'
import { withProperties } from './tensor-value.js'

function typeOf(meta: Metadata): Dtype | undefined {
  return dtypeNamed(/^vineyard::Array<(.+)>$/.exec(meta.typename)?.[1] ?? '')
}

/** All of the blob, as upstream's reader takes it: `size_` may be missing. */
function valuesOf(meta: Metadata, context: ReadContext, type: Dtype): TensorArray {
  const bytes = context.blob(meta, 'buffer_')
  const size = type.array.BYTES_PER_ELEMENT
  return viewValues(meta, 'buffer_', bytes, type.array, 0, Math.floor(bytes.byteLength / size))
}

/** vineyard::Array<T>: numbers in one dimension, written by C++. Read as a tensor is. */
export const array: ObjectType = {
  typenames: ['vineyard::Array<'],

  read(meta, context) {
    const type = typeOf(meta)
    if (type === undefined) return new OpaqueObject(meta, 'there is no reader for its elements', context)
    const values = valuesOf(meta, context, type)
    const shape = [values.length / type.perValue]
    const tensor = withProperties(values, { shape, dtype: type.name, order: 'C', partitionIndex: [] })
    return context.handle === undefined ? tensor : attachLease(tensor, context.handle)
  }
}

export const arrayColumn: ColumnType = {
  typenames: array.typenames,

  column(meta, context) {
    const type = typeOf(meta)
    if (type === undefined) throw new NotAColumn(meta, 'there is no reader for its elements')
    const values = valuesOf(meta, context, type)
    return numberColumn(meta, values, type, [values.length / type.perValue], context.handle)
  }
}
