import { objectIdToBigInt, type ObjectId } from '../../protocol/ids.js'
import { wireLimits, type WindowLimits } from '../../protocol/window.js'
import type { Connection, Requester } from '../connection.js'
import { instanceStatus } from './status.js'

export const readMode = 1
export const writeMode = 2

/** `sharing` is the store's extension: how many readers, what happens to slow and to lost ones. */
export async function createStream(
  connection: Connection,
  id: ObjectId,
  sharing: { consumers: number; policy: string; resumable: boolean } | undefined
): Promise<void> {
  await connection.request(
    { type: 'create_stream_request', object_id: objectIdToBigInt(id), ...sharing },
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
  const body = { type: 'open_stream_request', object_id: objectIdToBigInt(id), mode, window: limits }
  await connection.request(body, 'open_stream_reply')
}

export async function stopStream(connection: Requester, id: ObjectId, failed: boolean): Promise<void> {
  await connection.request(
    { type: 'stop_stream_request', id: objectIdToBigInt(id), failed },
    'stop_stream_reply'
  )
}

export async function dropStream(connection: Requester, id: ObjectId): Promise<void> {
  await connection.request({ type: 'drop_stream_request', id: objectIdToBigInt(id) }, 'drop_stream_reply')
}
