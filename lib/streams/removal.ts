import type { ClientCore } from '../client/client-core.js'
import type { Requester } from '../client/connection.js'
import { deleteData, getData } from '../client/requests/metadata.js'
import { dropNameOf } from '../client/requests/names.js'
import type { VineyardError } from '../errors.js'
import { nameOf } from '../objects/name.js'
import type { ObjectId } from '../protocol/ids.js'

/** Runs what a vineyardd may answer only when its etcd does over a connection that nothing else depends on. */
export type Asking = (work: (requests: Requester) => Promise<void>) => Promise<void>

/** Whether an object is only on this instance, which then asks nobody about it. */
export async function isTransientHere(requests: Requester, id: ObjectId): Promise<boolean> {
  const [meta] = await getData(requests, [id])
  return meta?.['transient'] === true
}

/**
 * Deletes an object of this instance of a vineyardd, not its members, and its name: `known`, or the one it has now. What is
 * transient is the instance's own business, and has no name. Rejects where anything may be left.
 */
export async function removeObject(
  control: Requester,
  asking: Asking,
  id: ObjectId,
  known?: string
): Promise<void> {
  if (await isTransientHere(control, id)) return deleteAlone(control, id)
  await asking(async requests => {
    // One after the other: of what was not answered nothing is done out of turn, when etcd is back.
    const [meta] = await getData(requests, [id], { syncRemote: true })
    const name = meta === undefined ? known : nameOf(meta)
    if (name !== undefined) await dropNameOf(requests, name, id)
    if (meta !== undefined) await deleteAlone(requests, id)
  })
}

/**
 * The same for what could not be made whole because of `cause`. Never rejects. Where etcd has just not answered only closing
 * the client waits for it again.
 */
export async function takeBack(core: ClientCore, id: ObjectId, cause: unknown): Promise<void> {
  const { connection } = core
  const removed = core.endsFirst(
    connection.extended
      ? deleteAlone(connection, id)
      : removeObject(connection, work => core.removing(work), id)
  )
  removed.catch(() => {})
  if ((cause as VineyardError).code !== 'ERR_VINEYARD_TIMEOUT') await removed.catch(() => {})
}

/** Deletes an object whoever refers to it, and none of its members. */
export function deleteAlone(requests: Requester, id: ObjectId): Promise<void> {
  return deleteData(requests, [id], { force: true, deep: false })
}
