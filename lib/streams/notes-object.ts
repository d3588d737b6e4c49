import { copyBlobs } from '../client/blob-access.js'
import type { Connection, Requester } from '../client/connection.js'
import { getBuffers, getRemoteBuffers } from '../client/requests/blobs.js'
import { createData, listAll } from '../client/requests/metadata.js'
import { ownIdentity } from '../memory/identity.js'
import { blobIdsOf } from '../objects/blobs.js'
import type { Metadata } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Stringifiable } from '../protocol/json.js'

const notesTypename = 'vineyard::NodeStreamNotes'
/** The member with the notes, where they are in shared memory. */
export const namesMember = 'names'

/**
 * Makes an object for the notes of this process on a stream. The store needs none, which a connection over TCP cannot know:
 * it deletes them with the connection.
 */
export async function createNotes(
  connection: Connection,
  stream: ObjectId,
  members: Record<string, Stringifiable> = {}
): Promise<ObjectId> {
  const content = {
    typename: notesTypename,
    nbytes: 0,
    transient: true,
    instance_id: connection.info.instanceId,
    stream,
    owner: ownIdentity(),
    ...members
  }
  const [id] = await createData(connection, [content], connection.scopes)
  return id as ObjectId
}

/** The objects of notes on a stream, or on all streams. */
export async function listNotes(connection: Requester, stream?: ObjectId): Promise<Metadata[]> {
  const notes = await listAll(connection, notesTypename)
  return stream === undefined ? notes : notes.filter(meta => meta['stream'] === stream)
}

/** The memory of an object of notes, if it has any that is left. */
export async function notesMemory(connection: Connection, notes: Metadata): Promise<Uint8Array[]> {
  const ids = blobIdsOf(notes, connection.info.instanceId)
  if (ids.length === 0) return []
  const bytes = connection.remote
    ? await getRemoteBuffers(connection, ids, true)
    : copyBlobs(connection, await getBuffers(connection, ids, true))
  return [...bytes.values()]
}
