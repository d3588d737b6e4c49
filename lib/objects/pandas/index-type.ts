import { Vector } from 'apache-arrow'
import type { Data } from 'apache-arrow'
import { attachLease } from '../../memory/lease.js'
import { opaqueIfPickled } from '../arrow/opaque-column.js'
import { readColumn } from '../arrow/columns.js'
import { ObjectDraft } from '../model.js'
import type { Metadata, ObjectType, ReadContext } from '../model.js'
import type { OpaqueObject } from '../opaque.js'
import { located } from '../unsupported.js'
import { Index } from './index-value.js'
import { labelIn } from './labels.js'
import { describePandasColumn } from './pandas-column.js'
import { rangeTensor } from './range-tensor.js'

/** vineyard::Index: the labels of the rows of a data frame or a series. */
export const index: ObjectType = {
  typenames: ['vineyard::Index'],

  read(meta, context) {
    const value = readIndex(meta, context)
    return context.handle === undefined ? value : attachLease(value, context.handle)
  },

  accepts: value => value instanceof Index,

  describe: value => describeIndex(value as Index)
}

/** The index in a member, which may be a bare tensor. Opaque where it was pickled (a MultiIndex). */
export function readIndex(meta: Metadata, context: ReadContext): Index | OpaqueObject {
  return opaqueIfPickled(meta, context, () => {
    if (!meta.typename.startsWith('vineyard::Index'))
      return new Index(null, vectorOf(readColumn(meta, context)))
    return new Index(labelIn(meta, 'name'), vectorOf(readColumn(context.member(meta, 'value_'), context)))
  })
}

function vectorOf(column: Data): Vector {
  return new Vector([column])
}

export function describeIndex({ name, values }: Index): ObjectDraft {
  const column = located('index', () =>
    describePandasColumn(values.data as readonly Data[], { asTensor: true })
  )
  // Python reads texts only as objects: 'str' resolves to float64 there.
  const stored = column.fields['value_type_']
  const valueType = stored === 'string' ? 'object' : (stored as string)
  return new ObjectDraft(
    'vineyard::Index',
    { name: JSON.stringify(name), value_type_: valueType, nbytes: 0 },
    { value_: column }
  )
}

/** pandas' default index, 0 … rows - 1, which is stored like any other. */
export function describeRangeIndex(rows: number): ObjectDraft {
  return new ObjectDraft(
    'vineyard::Index',
    { name: 'null', value_type_: 'int64', nbytes: 0 },
    { value_: rangeTensor(rows) }
  )
}
