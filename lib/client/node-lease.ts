import { ownIdentity } from '../memory/identity.js'
import { native } from '../native.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Stringifiable } from '../protocol/json.js'
import type { Connection } from './connection.js'
import { createData, shallowCopy } from './requests/metadata.js'

/** Typename of the object that keeps a chunk's blobs alive on a vineyardd while this process looks at them. */
export const leaseTypename = 'vineyard::NodeLease'

/** What tells others whose it is. */
function leaseFields(): { typename: string; owner: string; holdsName: string } {
  return { typename: leaseTypename, owner: ownIdentity(), holdsName: native.holdsName }
}

/** Leases the blobs of an object by a copy of it: the server looks them up itself. With etcd it asks that. */
export function leaseCopy(connection: Connection, id: ObjectId): Promise<ObjectId> {
  return shallowCopy(connection, id, leaseFields())
}

/**
 * Leases blobs by an object of its own, which is transient whatever they belong to. A vineyardd makes it of blobs that do not
 * exist, too: only what is found after that is leased.
 */
export async function leaseBlobs(connection: Connection, blobs: readonly ObjectId[]): Promise<ObjectId> {
  const instance_id = connection.info.instanceId
  const members: Record<string, Stringifiable> = {}
  blobs.forEach((id, index) => {
    members[`blob_${index}`] = { id, typename: 'vineyard::Blob', instance_id, transient: true }
  })
  const content = { ...leaseFields(), nbytes: 0, transient: true, instance_id, ...members }
  const [id] = await createData(connection, [content])
  return id as ObjectId
}
