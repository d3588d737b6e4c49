import { VineyardError } from '../../errors.js'
import { freshBytes } from '../../memory/fresh-bytes.js'
import { objectIdToBigInt, type ObjectId } from '../../protocol/ids.js'
import { decodePayload, type Payload } from '../../protocol/payload.js'
import type { BlobBytes } from '../../rpc/blob-transfer.js'
import type { Connection, Requester } from '../connection.js'
import { arrayOf, manyOf } from './reply-fields.js'

/** Filling a blob that is smaller than it should be would write over others. */
function madeFor(size: number, payload: Payload): Payload {
  if (payload.size === size) return payload
  throw new VineyardError(
    'ERR_VINEYARD_PROTOCOL',
    `the server made a blob of ${payload.size} bytes where ${size} were asked for`
  )
}

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
  options: { wait: boolean; scoped: boolean; urgent?: boolean; ticket?: number | undefined }
): Promise<Payload[]> {
  const reply = await connection.request(
    {
      type: 'create_buffers_request',
      num: sizes.length,
      sizes,
      scoped: options.scoped,
      wait: options.wait,
      urgent: options.urgent || undefined,
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

/**
 * Only on connections with the extension: frees scoped blobs that are not sealed, at once, even while a request of the connection
 * waits for memory.
 */
export function giveBackBlobs(connection: Connection, ids: readonly ObjectId[]): void {
  if (ids.length > 0 && !connection.closed) connection.notify({ type: 'give_back_blobs', ids })
}

export async function sealBuffer(connection: Connection, id: ObjectId): Promise<void> {
  await connection.request({ type: 'seal_request', object_id: objectIdToBigInt(id) }, 'seal_reply')
}

export async function dropBuffer(connection: Requester, id: ObjectId): Promise<void> {
  await connection.request({ type: 'drop_buffer_request', id: objectIdToBigInt(id) }, 'drop_buffer_reply')
}

/**
 * Unknown ids are left out of the answer. On a connection with the extension each named blob is leased once. A blob that is
 * not sealed is an error unless `unsealed` says that it may be one.
 */
export async function getBuffers(
  connection: Connection,
  ids: readonly ObjectId[],
  unsealed = false
): Promise<Payload[]> {
  const reply = await connection.request(
    { type: 'get_buffers_request', ids: ids.map(objectIdToBigInt), unsafe: unsealed },
    'get_buffers_reply'
  )
  return arrayOf(reply, 'payloads').map(decodePayload)
}

/**
 * Over TCP: a sealed blob with the bytes that `bytes` gives when its turn has come. `scoped` is the store's extension, as in
 * `createBuffers`; a vineyardd ignores it.
 */
export async function createRemoteBuffer(
  connection: Connection,
  size: number,
  bytes: () => BlobBytes,
  scoped = false
): Promise<Payload> {
  const reply = await connection.upload(
    {
      type: 'create_remote_buffer_request',
      size,
      compress: connection.compresses,
      scoped: scoped || undefined
    },
    'create_buffer_reply',
    () => [bytes()]
  )
  return decodePayload(reply['created'])
}

/** Over TCP: the bytes of blobs, in memory of their own. Unknown ids are left out. */
export async function getRemoteBuffers(
  connection: Connection,
  ids: readonly ObjectId[],
  unsealed = false
): Promise<Map<ObjectId, Uint8Array>> {
  const bytes = new Map<ObjectId, Uint8Array>()
  const numbered = Object.fromEntries(ids.map((id, index) => [String(index), objectIdToBigInt(id)]))
  await connection.download(
    { type: 'get_remote_buffers_request', num: ids.length, ...numbered, unsafe: unsealed },
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
