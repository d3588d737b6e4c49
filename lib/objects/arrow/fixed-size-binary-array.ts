import { FixedSizeBinary } from 'apache-arrow'
import type { Data } from 'apache-arrow'
import { integer, maxLength } from '../fields.js'
import type { Draft } from '../model.js'
import { arrayDraft, valuesDraft } from './array-draft.js'
import { arrayFields, viewValues } from './array-fields.js'
import type { ColumnType } from './column-type.js'
import { makeColumn } from './leased-data.js'

/** vineyard::FixedSizeBinaryArray: byte strings of `byte_width_` bytes each. */
export const fixedSizeBinaryArray: ColumnType = {
  typenames: ['vineyard::FixedSizeBinaryArray'],

  column(meta, context) {
    const { length, offset, nullBitmap, nullCount } = arrayFields(meta, context)
    const width = integer(meta, 'byte_width_', 0, maxLength)
    const bytes = context.blob(meta, 'buffer_')
    const values = viewValues(meta, 'buffer_', bytes, Uint8Array, offset * width, length * width)
    return makeColumn(context.handle, {
      type: new FixedSizeBinary(width),
      length,
      offset,
      nullCount,
      buffers: [undefined, values, nullBitmap]
    })
  }
}

export function describeFixedSizeBinary(data: Data, width: number): Draft {
  const members = { buffer_: valuesDraft(data.values, data.length * width) }
  return arrayDraft('vineyard::FixedSizeBinaryArray', data, members, { byte_width_: width })
}
