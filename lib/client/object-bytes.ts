import { blobIdsOf } from '../objects/blobs.js'
import { isBlobId, type ObjectId } from '../protocol/ids.js'
import type { Connection } from './connection.js'
import { getData } from './requests/metadata.js'

/** Bytes of the blobs of an object that exists, with which a chunk of it counts; 0 for one that does not. */
export async function objectBytes(connection: Connection, id: ObjectId): Promise<number> {
  const ids = isBlobId(id) ? [id] : (await getData(connection, [id])).flatMap(meta => blobIdsOf(meta))
  if (ids.length === 0) return 0
  // What the object's own metadata say of them is what its maker wrote: over TCP a length of 0.
  const blobs = await getData(connection, ids)
  return blobs.reduce((sum, { length }) => sum + (typeof length === 'number' ? length : 0), 0)
}
