import { Vector } from 'apache-arrow'
import type { Data } from 'apache-arrow'
import { attachLease } from '../../memory/lease.js'
import type { LeaseHandle } from '../../memory/lease.js'
import type { ObjectType } from '../model.js'
import type { ColumnType } from './column-type.js'
import { readColumn } from './columns.js'
import { describeColumn } from './describe-column.js'
import { opaqueIfPickled } from './opaque-column.js'
import { describePickledArrow } from './pickled-arrow.js'
import { isVector } from './recognise.js'

/** An array by itself: a Vector that can be released. */
export function standaloneVector(chunks: readonly Data[], handle: LeaseHandle | undefined): Vector {
  const vector = new Vector([...chunks])
  return handle === undefined ? vector : attachLease(vector, handle)
}

/** Arrow arrays that are objects of their own: read as a Vector of apache-arrow. */
export function vectorType(columnType: ColumnType): ObjectType {
  return {
    typenames: columnType.typenames,
    read: (meta, context) =>
      opaqueIfPickled(meta, context, () => standaloneVector([readColumn(meta, context)], context.handle))
  }
}

/**
 * Puts a Vector of any copy of apache-arrow. The typename says the type, so a text comes back as large_utf8,
 * and a list as large_list; types for which Python has no typename are pickled.
 */
export const vectorWriter: ObjectType = {
  typenames: [],
  read: () => undefined,
  accepts: isVector,

  describe(value) {
    const chunks = (value as Vector).data as readonly Data[]
    const [first] = chunks
    return chunks.length === 1 && first !== undefined
      ? describeColumn(first, true)
      : describePickledArrow(chunks)
  }
}
