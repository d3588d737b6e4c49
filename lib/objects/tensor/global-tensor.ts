import { integer, maxLength, optional, shapeOf } from '../fields.js'
import type { ObjectType } from '../model.js'
import { readPartitions } from '../partitions.js'

/**
 * vineyard::GlobalTensor: tensors on several instances. Read as an array of those on the client's instance
 * (each knows its `partitionIndex`), with the `shape` and `partitionShape` of the whole as properties.
 */
export const globalTensor: ObjectType = {
  typenames: ['vineyard::GlobalTensor'],

  read(meta, context, readPart) {
    const count = integer(meta, 'partitions_-size', 0, maxLength)
    const shape = (key: string): number[] => (optional(meta, key) === undefined ? [] : shapeOf(meta, key))
    const properties = { shape: shape('shape_'), partitionShape: shape('partition_shape_') }
    return Object.assign(readPartitions(meta, context, readPart, count), properties)
  }
}
