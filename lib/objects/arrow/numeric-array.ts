import type { Data } from 'apache-arrow'
import { metadataError } from '../fields.js'
import type { Draft } from '../model.js'
import { arrayDraft, valuesDraft } from './array-draft.js'
import { arrayFields, viewValues } from './array-fields.js'
import type { ColumnType } from './column-type.js'
import { makeColumn } from './leased-data.js'
import { primitiveNamed } from './primitive-types.js'
import type { Storage } from './primitive-types.js'

/** vineyard::NumericArray<T>: numbers, and what is kept as a number (dates, times, durations). */
export const numericArray: ColumnType = {
  typenames: ['vineyard::NumericArray'],

  column(meta, context) {
    const name = /^vineyard::NumericArray<(.+)>$/.exec(meta.typename)?.[1] ?? ''
    const type = primitiveNamed(name)
    if (type === undefined) throw metadataError(meta, `"${name}" is not a type of numbers`)
    const { length, offset, nullBitmap, nullCount } = arrayFields(meta, context)
    const values = viewValues(meta, 'buffer_', context.blob(meta, 'buffer_'), type.ArrayType, offset, length)
    return makeColumn(context.handle, {
      type: type,
      length,
      offset,
      nullCount,
      buffers: [undefined, values, nullBitmap]
    })
  }
}

/** The draft of values of fixed width. `name` is the template argument. */
export function describeNumeric(data: Data, { width }: Storage, name: string): Draft {
  return arrayDraft(`vineyard::NumericArray<${name}>`, data, {
    buffer_: valuesDraft(data.values, data.length * width)
  })
}
