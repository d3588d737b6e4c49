import { Bool } from 'apache-arrow'
import type { Data } from 'apache-arrow'
import type { Draft } from '../model.js'
import { arrayDraft, bitsDraft } from './array-draft.js'
import { arrayFields, requireBytes } from './array-fields.js'
import { bitmapBytes } from './bitmap.js'
import type { ColumnType } from './column-type.js'
import { makeColumn } from './leased-data.js'

/** vineyard::BooleanArray: a bit for each row. */
export const booleanArray: ColumnType = {
  typenames: ['vineyard::BooleanArray'],

  column(meta, context) {
    const { length, offset, nullBitmap, nullCount } = arrayFields(meta, context)
    const values = context.blob(meta, 'buffer_')
    if (length > 0) requireBytes(meta, 'buffer_', values, bitmapBytes(offset + length))
    return makeColumn(context.handle, {
      type: new Bool(),
      length,
      offset,
      nullCount,
      buffers: [undefined, values, nullBitmap]
    })
  }
}

export function describeBoolean(data: Data): Draft {
  return arrayDraft('vineyard::BooleanArray', data, {
    buffer_: bitsDraft(data.values as Uint8Array, data.offset, data.length)
  })
}
