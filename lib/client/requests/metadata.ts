import { Status, VineyardError } from '../../errors.js'
import type { Metadata } from '../../objects/model.js'
import { isObjectId, objectIdToBigInt, type ObjectId } from '../../protocol/ids.js'
import type { JsonObject, JsonValue, Stringifiable } from '../../protocol/json.js'
import { replyId } from '../../protocol/payload.js'
import { maxElements } from '../../protocol/request-limits.js'
import type { Connection, Requester } from '../connection.js'
import { divide } from '../divide.js'
import { manyOf } from './reply-fields.js'

/**
 * `scoped` is the store's extension: objects that go with the connection unless something takes them over. A vineyardd
 * ignores it.
 */
export async function createData(
  connection: Connection,
  contents: readonly Stringifiable[],
  scoped = false
): Promise<ObjectId[]> {
  const reply = await connection.request(
    { type: 'create_datas_request', num: contents.length, contents, scoped: scoped || undefined },
    'create_datas_reply'
  )
  return manyOf(reply, 'ids', contents.length).map(replyId)
}

/** The metadata of the objects that exist, in the order of the reply; missing ones are left out. */
export async function getData(
  connection: Requester,
  ids: readonly ObjectId[],
  options: { syncRemote?: boolean } = {}
): Promise<Metadata[]> {
  const reply = await connection.request(
    {
      type: 'get_data_request',
      id: ids.map(objectIdToBigInt),
      sync_remote: options.syncRemote ?? false,
      wait: false
    },
    'get_data_reply'
  )
  return contentOf(reply)
}

/** The metadata of one object. Rejects with ERR_VINEYARD_NOT_FOUND. */
export async function metadataOf(
  connection: Requester,
  id: ObjectId,
  options?: { syncRemote?: boolean }
): Promise<Metadata> {
  const [meta] = await getData(connection, [id], options)
  if (meta !== undefined) return meta
  throw new VineyardError('ERR_VINEYARD_NOT_FOUND', `object ${id} does not exist`, {
    status: Status.ObjectNotExists
  })
}

function isMetadata(value: JsonValue): value is Metadata {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return typeof value['typename'] === 'string' && isObjectId(value['id'])
}

function contentOf(reply: JsonObject): Metadata[] {
  const content = reply['content']
  if (content === null || content === undefined) return []
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'get_data_reply has no content')
  }
  const all = Object.values(content)
  if (!all.every(isMetadata)) {
    throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'get_data_reply has metadata without id or typename')
  }
  return all
}

export async function listData(
  connection: Requester,
  pattern: string,
  regex: boolean,
  limit: number
): Promise<Metadata[]> {
  // The limit is unsigned on the wire: -1 stands for all.
  const reply = await connection.request(
    { type: 'list_data_request', pattern, regex, limit },
    'get_data_reply'
  )
  return contentOf(reply)
}

/** The metadata of all objects whose typename matches a glob. */
export function listAll(connection: Requester, pattern: string): Promise<Metadata[]> {
  return listData(connection, pattern, false, -1)
}

export async function deleteData(
  connection: Requester,
  ids: readonly ObjectId[],
  options: { force: boolean; deep: boolean }
): Promise<void> {
  // Without force it matters what is deleted together.
  for (const some of options.force ? divide(ids, maxElements) : [ids]) {
    await connection.request(
      {
        type: 'del_data_request',
        id: some.map(objectIdToBigInt),
        ...options,
        memory_trim: false,
        fastpath: false
      },
      'del_data_reply'
    )
  }
}

export async function exists(connection: Connection, id: ObjectId): Promise<boolean> {
  const reply = await connection.request({ type: 'exists_request', id: objectIdToBigInt(id) }, 'exists_reply')
  return reply['exists'] === true
}

export async function persist(connection: Connection, id: ObjectId): Promise<void> {
  await connection.request({ type: 'persist_request', id: objectIdToBigInt(id) }, 'persist_reply')
}

/** Adds labels to an object, which may be transient. */
export async function label(
  connection: Requester,
  id: ObjectId,
  labels: Readonly<Record<string, string>>
): Promise<void> {
  // A vineyardd crashes where there are fewer values than keys.
  const [keys, values] = [Object.keys(labels), Object.values(labels)]
  await connection.request({ type: 'label_request', id: objectIdToBigInt(id), keys, values }, 'label_reply')
}

/** The copy has the same members; `extra` values must be primitives. */
export async function shallowCopy(
  connection: Connection,
  id: ObjectId,
  extra: Record<string, string | number | boolean>
): Promise<ObjectId> {
  const reply = await connection.request(
    { type: 'shallow_copy_request', id: objectIdToBigInt(id), extra },
    'shallow_copy_reply'
  )
  return replyId(reply['target_id'])
}

/** `waits`: for another instance. */
export async function migrate(
  connection: Connection,
  id: ObjectId,
  options: { waits: boolean }
): Promise<ObjectId> {
  const reply = await connection.request(
    { type: 'migrate_object_request', object_id: objectIdToBigInt(id) },
    'migrate_object_reply',
    options
  )
  return replyId(reply['object_id'])
}
