import { objectIdToBigInt, type ObjectId } from '../../protocol/ids.js'
import type { JsonObject } from '../../protocol/json.js'
import { replyId } from '../../protocol/payload.js'
import type { Connection, Requester } from '../connection.js'

export async function putName(connection: Connection, id: ObjectId, name: string): Promise<void> {
  await connection.request(
    { type: 'put_name_request', object_id: objectIdToBigInt(id), name },
    'put_name_reply'
  )
}

export async function getName(connection: Connection, name: string, wait: boolean): Promise<ObjectId> {
  const reply = await connection.request({ type: 'get_name_request', name, wait }, 'get_name_reply', {
    waits: wait
  })
  return replyId(reply['object_id'])
}

export async function dropName(connection: Requester, name: string): Promise<void> {
  await connection.request({ type: 'drop_name_request', name }, 'drop_name_reply')
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
