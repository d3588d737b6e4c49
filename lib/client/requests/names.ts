import { Status, type VineyardError } from '../../errors.js'
import { objectIdToBigInt, type ObjectId } from '../../protocol/ids.js'
import type { JsonObject } from '../../protocol/json.js'
import { replyId } from '../../protocol/payload.js'
import type { Connection, Requester } from '../connection.js'

/** What a vineyardd takes for the index of a list, if it is the first name that it gets. */
const indexLike = /^(?:-|[0-9]+)$/

export async function putName(connection: Connection, id: ObjectId, name: string): Promise<void> {
  const put = (one: string): Promise<unknown> =>
    connection.request(
      { type: 'put_name_request', object_id: objectIdToBigInt(id), name: one },
      'put_name_reply'
    )
  if (!indexLike.test(name) || connection.extended) {
    await put(name)
    return
  }
  // Its table of names would become that list, and take no name any more until it is restarted.
  const other = `vineyard_streams/before/${id}`
  await put(other)
  await put(name)
  await dropName(connection, other)
  // With the other name the object has lost what its metadata say of this one.
  await put(name)
}

export async function getName(connection: Requester, name: string, wait: boolean): Promise<ObjectId> {
  const reply = await connection.request({ type: 'get_name_request', name, wait }, 'get_name_reply', {
    waits: wait
  })
  return replyId(reply['object_id'])
}

export async function dropName(connection: Requester, name: string): Promise<void> {
  await connection.request({ type: 'drop_name_request', name }, 'drop_name_reply')
}

/** Drops a name that an object has, or had: not if it is another one's by now. */
export async function dropNameOf(connection: Requester, name: string, id: ObjectId): Promise<void> {
  let owner: ObjectId
  try {
    owner = await getName(connection, name, false)
  } catch (error) {
    if ((error as VineyardError).status === Status.ObjectNotExists) return
    throw error
  }
  if (owner === id) await dropName(connection, name)
}

export async function listNames(
  connection: Connection,
  pattern: string,
  regex: boolean,
  limit: number
): Promise<Record<string, ObjectId>> {
  const reply = await connection.request(
    { type: 'list_name_request', pattern, regex, limit },
    'list_name_reply'
  )
  const names = reply['names'] as JsonObject | null | undefined
  return Object.fromEntries(Object.entries(names ?? {}).map(([name, id]) => [name, replyId(id)]))
}
