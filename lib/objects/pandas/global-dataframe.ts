import { integer, maxLength } from '../fields.js'
import type { ObjectType } from '../model.js'
import { readPartitions } from '../partitions.js'

/**
 * vineyard::GlobalDataFrame: data frames on several instances. Read, as Python does, as an array of those on
 * the client's instance.
 */
export const globalDataFrame: ObjectType = {
  typenames: ['vineyard::GlobalDataFrame'],

  read: (meta, context, readPart) =>
    readPartitions(meta, context, readPart, integer(meta, 'partitions_-size', 0, maxLength))
}
