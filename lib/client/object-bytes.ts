import { VineyardError } from '../errors.js'
import { blobIdsOf } from '../objects/blobs.js'
import { emptyBlobId, isBlobId, type ObjectId } from '../protocol/ids.js'
import type { Connection } from './connection.js'
import { getData, metadataOf } from './requests/metadata.js'

/**
 * Bytes of the blobs of an object, with which a chunk of it counts. Rejects for what nobody could read from the stream: with
 * ERR_VINEYARD_NOT_FOUND where it does not exist, with ERR_VINEYARD_TYPE where it is no blob and `blobsOnly`.
 */
export async function objectBytes(connection: Connection, id: ObjectId, blobsOnly = false): Promise<number> {
  if (id === emptyBlobId) return 0
  if (blobsOnly && !isBlobId(id)) {
    throw new VineyardError('ERR_VINEYARD_TYPE', `object ${id} is no blob, as chunks of this stream are`)
  }
  const [known] = await getData(connection, [id])
  // What another instance of a cluster has made persistent may not have come here yet.
  const object = known ?? (await metadataOf(connection, id, { syncRemote: true }))
  const ids = blobIdsOf(object)
  if (ids.length === 0) return 0
  // What the object's own metadata say of them is what its maker wrote: over TCP a length of 0.
  const blobs = isBlobId(id) ? [object] : await getData(connection, ids)
  return blobs.reduce((sum, { length }) => sum + (typeof length === 'number' ? length : 0), 0)
}
