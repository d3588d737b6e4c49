import { Null } from 'apache-arrow'
import type { Data } from 'apache-arrow'
import { count } from '../fields.js'
import { ObjectDraft } from '../model.js'
import type { Draft } from '../model.js'
import type { ColumnType } from './column-type.js'
import { makeColumn } from './leased-data.js'

/** vineyard::NullArray: rows that are all null. */
export const nullArray: ColumnType = {
  typenames: ['vineyard::NullArray'],

  column(meta, context) {
    const length = count(meta, 'length_')
    return makeColumn(context.handle, { type: new Null(), length, nullCount: length, buffers: [] })
  }
}

export function describeNull(data: Data): Draft {
  return new ObjectDraft('vineyard::NullArray', { length_: data.length, nbytes: 0 })
}
