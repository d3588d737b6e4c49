import { Vector } from 'apache-arrow'
import type { Data } from 'apache-arrow'
import { attachLease } from '../../memory/lease.js'
import { readColumn } from '../arrow/columns.js'
import { opaqueIfPickled } from '../arrow/opaque-column.js'
import { metadataError } from '../fields.js'
import { ObjectDraft } from '../model.js'
import type { ObjectType } from '../model.js'
import type { OpaqueObject } from '../opaque.js'
import { located } from '../unsupported.js'
import { describeIndex, readIndex } from './index-type.js'
import { Index } from './index-value.js'
import { labelIn } from './labels.js'
import type { Label } from './labels.js'
import { describePandasColumn } from './pandas-column.js'

/** A pandas Series: values with labels. */
export class Series {
  constructor(
    /** Name of the series; null for none. */
    readonly name: Label,
    /** One value for each label. */
    readonly values: Vector,
    /** Labels of the values; opaque where Python pickled them (a MultiIndex). */
    readonly index: Index | OpaqueObject
  ) {}
}

/** vineyard::Series: a pandas Series, the values a tensor. */
export const series: ObjectType = {
  typenames: ['vineyard::Series'],

  read: (meta, context) =>
    opaqueIfPickled(meta, context, () => {
      const values = new Vector([readColumn(context.member(meta, 'value_'), context)])
      const index = readIndex(context.member(meta, 'index_'), context)
      if (index instanceof Index && index.values.length !== values.length) {
        throw metadataError(meta, 'values and index of unequal length')
      }
      const value = new Series(labelIn(meta, 'name'), values, index)
      return context.handle === undefined ? value : attachLease(value, context.handle)
    }),

  accepts: value => value instanceof Series && value.index instanceof Index,

  describe(value) {
    const { name, values, index } = value as Series & { index: Index }
    const column = located('values', () =>
      describePandasColumn(values.data as readonly Data[], { asTensor: true })
    )
    const members = { index_: describeIndex(index), value_: column }
    return new ObjectDraft('vineyard::Series', { name: JSON.stringify(name), nbytes: 0 }, members)
  }
}
