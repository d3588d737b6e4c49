/**
 * One function for each request: what goes out, what the reply means. Fields, types and errors are those of
 * messages.md; integers that may exceed 2^53 are bigint on the way out and ObjectIds on the way in.
 */
import { VineyardError } from '../errors.js'
import { isObjectId, objectIdToBigInt, type ObjectId } from '../protocol/ids.js'
import { messageText, type JsonObject, type JsonValue, type Stringifiable } from '../protocol/json.js'
import { decodePayload, replyId, textId, type Payload } from '../protocol/payload.js'
import { freshBytes } from '../memory/fresh-bytes.js'
import type { Metadata } from '../objects/model.js'
import { wireLimits, type WindowLimits } from '../protocol/window.js'
import type { BlobBytes } from '../rpc/blob-transfer.js'
import type { StoreSnapshot } from '../protocol/snapshot.js'
import type { Connection, Requester } from './connection.js'
import type { SlotsWanted } from './slot-pool.js'

const wire = objectIdToBigInt

function arrayOf(reply: JsonObject, key: string): JsonValue[] {
  const value = reply[key]
  if (Array.isArray(value)) return value
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', `${messageText(reply['type'])} has no ${key}`)
}

function countOf(reply: JsonObject, key: string, otherwise?: number): number {
  const value = reply[key] ?? otherwise
  if (typeof value === 'number' && value >= 0) return value
  // memory_usage of a vineyardd can go below 0, and is unsigned.
  if (typeof value === 'bigint') return Number(value)
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', `${messageText(reply['type'])} has no number as ${key}`)
}

function objectOf(reply: JsonObject, key: string): JsonObject {
  const value = reply[key]
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', `${messageText(reply['type'])} has no object as ${key}`)
}

/** One element for each of what was asked for. */
function manyOf(reply: JsonObject, key: string, count: number): JsonValue[] {
  const values = arrayOf(reply, key)
  if (values.length === count) return values
  throw new VineyardError(
    'ERR_VINEYARD_PROTOCOL',
    `${messageText(reply['type'])} has ${values.length} ${key} where ${count} were asked for`
  )
}

/** Filling a blob that is smaller than it should be would write over others. */
function madeFor(size: number, payload: Payload): Payload {
  if (payload.size === size) return payload
  throw new VineyardError(
    'ERR_VINEYARD_PROTOCOL',
    `the server made a blob of ${payload.size} bytes where ${size} were asked for`
  )
}

// ---- blobs

export async function createBuffer(connection: Connection, size: number): Promise<Payload> {
  const reply = await connection.request({ type: 'create_buffer_request', size }, 'create_buffer_reply')
  return madeFor(size, decodePayload(reply['created']))
}

/**
 * Never sent to a vineyardd: 0.24.2 leaks what it had when it runs out of memory half-way. The options are the store's
 * extension: `wait` for memory, `ticket` by which the wait can be recalled (`cancelWaiting`), and `scoped`, blobs that go
 * with the connection unless something refers to them.
 */
export async function createBuffers(
  connection: Connection,
  sizes: readonly number[],
  options: { wait: boolean; scoped: boolean; ticket?: number | undefined }
): Promise<Payload[]> {
  const reply = await connection.request(
    {
      type: 'create_buffers_request',
      num: sizes.length,
      sizes,
      scoped: options.scoped,
      wait: options.wait,
      ticket: options.ticket
    },
    'create_buffers_reply',
    { waits: options.wait }
  )
  const payloads = manyOf(reply, 'payloads', sizes.length)
  return payloads.map((payload, index) => madeFor(sizes[index] as number, decodePayload(payload)))
}

/** Only on connections with the extension: ends a wait for memory, which is then answered with an error. */
export function cancelWaiting(connection: Connection, ticket: number): void {
  connection.notify({ type: 'cancel_waiting', ticket })
}

export async function sealBuffer(connection: Connection, id: ObjectId): Promise<void> {
  await connection.request({ type: 'seal_request', object_id: wire(id) }, 'seal_reply')
}

export async function dropBuffer(connection: Requester, id: ObjectId): Promise<void> {
  await connection.request({ type: 'drop_buffer_request', id: wire(id) }, 'drop_buffer_reply')
}

/** Unknown ids are left out of the answer. On a connection with the extension each named blob is leased once. */
export async function getBuffers(connection: Connection, ids: readonly ObjectId[]): Promise<Payload[]> {
  const reply = await connection.request(
    { type: 'get_buffers_request', ids: ids.map(wire), unsafe: false },
    'get_buffers_reply'
  )
  return arrayOf(reply, 'payloads').map(decodePayload)
}

/** Over TCP: a sealed blob with the bytes that `bytes` gives when its turn has come. */
export async function createRemoteBuffer(
  connection: Connection,
  size: number,
  bytes: () => BlobBytes
): Promise<Payload> {
  const reply = await connection.upload(
    { type: 'create_remote_buffer_request', size, compress: connection.compresses },
    'create_buffer_reply',
    () => [bytes()]
  )
  return decodePayload(reply['created'])
}

/** Over TCP: the bytes of blobs, in memory of their own. Unknown ids are left out. */
export async function getRemoteBuffers(
  connection: Connection,
  ids: readonly ObjectId[]
): Promise<Map<ObjectId, Uint8Array>> {
  const bytes = new Map<ObjectId, Uint8Array>()
  const numbered = Object.fromEntries(ids.map((id, index) => [String(index), wire(id)]))
  await connection.download(
    { type: 'get_remote_buffers_request', num: ids.length, ...numbered, unsafe: false },
    'get_buffers_reply',
    reply =>
      arrayOf(reply, 'payloads').map(payload => {
        const { id, size } = decodePayload(payload)
        const target = freshBytes(size)
        bytes.set(id, target)
        return target
      })
  )
  return bytes
}

// ---- metadata

/** `scoped` is the store's extension: objects that go with the connection unless something takes them over. */
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
    { type: 'get_data_request', id: ids.map(wire), sync_remote: options.syncRemote ?? false, wait: false },
    'get_data_reply'
  )
  return contentOf(reply)
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
  connection: Connection,
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

export async function deleteData(
  connection: Requester,
  ids: readonly ObjectId[],
  options: { force: boolean; deep: boolean }
): Promise<void> {
  await connection.request(
    { type: 'del_data_request', id: ids.map(wire), ...options, memory_trim: false, fastpath: false },
    'del_data_reply'
  )
}

export async function exists(connection: Connection, id: ObjectId): Promise<boolean> {
  const reply = await connection.request({ type: 'exists_request', id: wire(id) }, 'exists_reply')
  return reply['exists'] === true
}

export async function persist(connection: Connection, id: ObjectId): Promise<void> {
  await connection.request({ type: 'persist_request', id: wire(id) }, 'persist_reply')
}

/** Adds labels to an object, which may be transient. */
export async function label(
  connection: Requester,
  id: ObjectId,
  labels: Readonly<Record<string, string>>
): Promise<void> {
  // A vineyardd crashes where there are fewer values than keys.
  const [keys, values] = [Object.keys(labels), Object.values(labels)]
  await connection.request({ type: 'label_request', id: wire(id), keys, values }, 'label_reply')
}

/** The copy has the same members; `extra` values must be primitives. */
export async function shallowCopy(
  connection: Connection,
  id: ObjectId,
  extra: Record<string, string | number | boolean>
): Promise<ObjectId> {
  const reply = await connection.request(
    { type: 'shallow_copy_request', id: wire(id), extra },
    'shallow_copy_reply'
  )
  return replyId(reply['target_id'])
}

export async function migrate(connection: Connection, id: ObjectId): Promise<ObjectId> {
  const reply = await connection.request(
    { type: 'migrate_object_request', object_id: wire(id) },
    'migrate_object_reply'
  )
  return replyId(reply['object_id'])
}

// ---- names

export async function putName(connection: Connection, id: ObjectId, name: string): Promise<void> {
  await connection.request({ type: 'put_name_request', object_id: wire(id), name }, 'put_name_reply')
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

// ---- streams

export const readMode = 1
export const writeMode = 2

/** `sharing` is the store's extension: how many readers, what happens to slow and to lost ones. */
export async function createStream(
  connection: Connection,
  id: ObjectId,
  sharing: { consumers: number; policy: string; resumable: boolean } | undefined
): Promise<void> {
  await connection.request(
    { type: 'create_stream_request', object_id: wire(id), ...sharing },
    'create_stream_reply'
  )
}

/** Only on connections with the extension. This connection reads no more from the stream; resolves when that is so. */
export async function leaveStream(connection: Connection, id: ObjectId): Promise<void> {
  // One way, because a pull may be waiting, which it ends; what is asked next is answered after it.
  connection.notify({ type: 'leave_stream', id })
  await instanceStatus(connection)
}

/** `window`: of a writer, for a store that tells it what has been consumed. */
export async function openStream(
  connection: Requester,
  id: ObjectId,
  mode: number,
  window?: WindowLimits
): Promise<void> {
  const limits = window && connection.extended ? { ...wireLimits(window) } : undefined
  const body = { type: 'open_stream_request', object_id: wire(id), mode, window: limits }
  await connection.request(body, 'open_stream_reply')
}

/** Returns the bytes that the chunk counts with: as the store says, or `bytes` where the server does not tell. */
export async function pushChunk(
  connection: Connection,
  stream: ObjectId,
  chunk: ObjectId,
  bytes: number
): Promise<number> {
  const reply = await connection.request(
    { type: 'push_next_stream_chunk_request', id: wire(stream), chunk: wire(chunk) },
    'push_next_stream_chunk_reply'
  )
  const counted = reply['bytes']
  return typeof counted === 'number' ? counted : bytes
}

export interface PulledChunk {
  id: ObjectId
  /** Only the store tells these. */
  memory: { usage: number; limit: number; readers: number } | undefined
}

/** Gives up the chunk pulled before and waits for the next one; `waits` is false where the stream has been stopped. */
export async function pullChunk(
  connection: Requester,
  stream: ObjectId,
  options = { waits: true }
): Promise<PulledChunk> {
  const reply = await connection.request(
    { type: 'pull_next_stream_chunk_request', id: wire(stream) },
    'pull_next_stream_chunk_reply',
    options
  )
  const { memory_usage: usage, memory_limit: limit, readers } = reply
  const memory =
    typeof usage === 'number' && typeof limit === 'number'
      ? { usage, limit, readers: Number(readers) }
      : undefined
  return { id: replyId(reply['chunk']), memory }
}

/** Only on connections with the extension. Pushes chunks, all or none. `count`: how many ids the request asks for. */
export async function writeChunks(
  connection: Connection,
  request: string,
  count: number,
  wanted: readonly SlotsWanted[]
): Promise<{ ids: ObjectId[]; slots: Payload[][] }> {
  const reply = await connection.requestText(request, 'write_chunks_reply')
  return {
    ids: count === 0 ? [] : manyOf(reply, 'ids', count).map(textId),
    slots: wanted.map(([count, size], index) => slotsOf(reply, index, count, size))
  }
}

/** The slots of one size, in turn the id and the offset of each. */
function slotsOf(reply: JsonObject, index: number, count: number, size: number): Payload[] {
  const numbers = arrayOf(reply, 'slots')[index]
  if (!Array.isArray(numbers))
    throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'slots were asked for and not answered')
  const slots: Payload[] = []
  if (numbers.length === 0) return slots
  const storeFd = countOf(reply, 'store_fd')
  for (let i = 0; i + 1 < numbers.length && slots.length < count; i += 2) {
    const [id, offset] = [numbers[i], numbers[i + 1]]
    if (!isObjectId(id) || !Number.isSafeInteger(offset) || (offset as number) < 0)
      throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'a slot has no id or no place')
    slots.push({ id, storeFd, offset: offset as number, size })
  }
  return slots
}

export interface PulledChunks {
  /** At least one. Each is to be checked by `pulledForm`. */
  chunks: JsonValue[]
  /** The templates from number `templates` of the request on: texts, if the server is what it says. */
  templates: JsonValue[]
  storeFd: number
  memory: { usage: number; limit: number; readers: number }
  /** Chunks that this reader was too slow for so far. */
  missed: number
}

/**
 * Only on connections with the extension. Waits for chunks: at most `max`, with at most `maxBytes`, but at least one.
 * `consumed` more of those that came before are given up, and one lease each of the blobs `released`. Blobs of the chunks are leased to the connection.
 */
export async function pullChunks(
  connection: Connection,
  stream: ObjectId,
  limits: {
    max: number
    maxBytes: number
    templates: number
    consumed: number
    released: readonly ObjectId[]
  }
): Promise<PulledChunks> {
  const { max, maxBytes, templates, consumed, released } = limits
  const reply = await connection.request(
    { type: 'pull_chunks_request', id: stream, max, max_bytes: maxBytes, templates, consumed, released },
    'pull_chunks_reply',
    { waits: true }
  )
  const chunks = arrayOf(reply, 'chunks')
  if (chunks.length === 0)
    throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'a pull was answered with no chunk')
  return {
    chunks,
    templates: arrayOf(reply, 'templates'),
    storeFd: countOf(reply, 'store_fd'),
    missed: countOf(reply, 'missed', 0),
    memory: {
      usage: countOf(reply, 'memory_usage'),
      limit: countOf(reply, 'memory_limit'),
      readers: countOf(reply, 'readers')
    }
  }
}

export async function stopStream(connection: Requester, id: ObjectId, failed: boolean): Promise<void> {
  await connection.request({ type: 'stop_stream_request', id: wire(id), failed }, 'stop_stream_reply')
}

export async function dropStream(connection: Requester, id: ObjectId): Promise<void> {
  await connection.request({ type: 'drop_stream_request', id: wire(id) }, 'drop_stream_reply')
}

// ---- status

/** What a server says of its memory and connections. */
export interface Status {
  /** The server's number in its cluster. */
  instanceId: number | bigint
  /** 'local', or 'distributed' for a vineyardd with etcd. */
  deployment: string
  /** Bytes of live blobs, as they were asked for. */
  memoryUsage: number
  /** Bytes of the whole pool. */
  memoryLimit: number
  /** Connections over the Unix socket. */
  ipcConnections: number
  /** Connections over TCP. */
  rpcConnections: number
  /** Requests that wait for something: a chunk, a name, memory. */
  deferredRequests: number
}

export async function instanceStatus(connection: Connection): Promise<Status> {
  const reply = await connection.request({ type: 'instance_status_request' }, 'instance_status_reply')
  const meta = objectOf(reply, 'meta')
  return {
    instanceId: meta['instance_id'] as number | bigint,
    deployment: messageText(meta['deployment']),
    memoryUsage: countOf(meta, 'memory_usage'),
    memoryLimit: countOf(meta, 'memory_limit'),
    ipcConnections: countOf(meta, 'ipc_connections'),
    rpcConnections: countOf(meta, 'rpc_connections'),
    deferredRequests: countOf(meta, 'deferred_requests')
  }
}

/** Only on connections with the extension. */
export async function storeSnapshot(connection: Connection, objects: boolean): Promise<StoreSnapshot> {
  const reply = await connection.request({ type: 'store_snapshot_request', objects }, 'store_snapshot_reply')
  return reply['snapshot'] as unknown as StoreSnapshot
}

export async function clusterMeta(connection: Connection): Promise<JsonObject> {
  const reply = await connection.request({ type: 'cluster_meta' }, 'cluster_meta')
  return objectOf(reply, 'meta')
}
