import { release } from '../memory/lease.js'
import { isPartElsewhere } from '../objects/blobs.js'
import { count, numberedMembers } from '../objects/fields.js'
import type { Metadata } from '../objects/model.js'
import type { ClientCore } from './client-core.js'

/**
 * Adds to the parts of a global object that are here those of the other instances, over TCP and copied, so that all are
 * in their order. `local` is what was read of it: anything but an array is left as it is.
 */
export async function addRemoteParts(core: ClientCore, meta: Metadata, local: unknown): Promise<void> {
  if (!Array.isArray(local) || meta['partitions_-size'] === undefined) return
  const members = numberedMembers(meta, 'partitions_-', count(meta, 'partitions_-size'))
  const { instanceId } = core.connection.info
  const remote = members.map(async member =>
    isPartElsewhere(member, instanceId) ? readPart(core, member) : undefined
  )
  try {
    const found = await Promise.all(remote)
    const here = local.splice(0)
    for (const part of found) local.push(part === undefined ? here.shift() : part.value)
  } catch (error) {
    release(local)
    throw error
  }
}

async function readPart(core: ClientCore, part: Metadata): Promise<{ value: unknown }> {
  const other = await core.at(part.instance_id)
  return other.reader.read(part.id, 'copy', part)
}
