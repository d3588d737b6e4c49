import type { Data } from 'apache-arrow'
import { NotAColumn } from '../arrow/column-type.js'
import type { ColumnType } from '../arrow/column-type.js'
import { readPickledArrow } from '../arrow/pickled-arrow.js'
import { readPickledTimes } from '../pandas/pickled-times.js'
import { pickledBytes } from './pickled-bytes.js'

/**
 * vineyard::PickleBuffer as a column: only the arrays that this package pickles, which are told by their
 * bytes.
 */
export const pickleColumn: ColumnType = {
  typenames: ['vineyard::PickleBuffer'],

  column(meta, context) {
    const times = readPickledTimes(meta, context)
    if (times !== undefined) return times
    const chunks = readPickledArrow(meta, pickledBytes(meta, context), context.handle)
    if (chunks?.length === 1) return chunks[0] as Data
    throw new NotAColumn(meta, 'it was pickled by Python, and unpickling would run code')
  }
}
