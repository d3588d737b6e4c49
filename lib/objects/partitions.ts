import { isPartElsewhere } from './blobs.js'
import { numberedMembers } from './fields.js'
import type { Metadata, PartReader, ReadContext } from './model.js'
import { Parts } from './parts.js'

/** The values of the partitions `partitions_-<i>` that are on the client's instance, in order. */
export function readPartitions(
  meta: Metadata,
  context: ReadContext,
  readPart: PartReader,
  count: number
): unknown[] {
  const members = numberedMembers(meta, 'partitions_-', count)
  const local = members.filter(member => !isPartElsewhere(member, context.instanceId))
  const parts = new Parts(context, readPart)
  return parts.finish(local.map(member => parts.read(member)))
}
