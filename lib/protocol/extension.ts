/**
 * What this package's client and store say to each other beyond the standard protocol. Both keep to the standard where
 * the other end is somebody else: real peers ignore the unknown field in the registration, and nothing else is ever sent
 * to a connection that has not agreed.
 *
 * Agreement: `register_request` carries `vineyard_streams: extensionVersion`, the reply answers the same field with the
 * version that both understand. On such a connection
 *
 * - every blob that a `get_buffers_reply` names is leased to the connection, counted: its memory is kept, whatever is
 *   deleted, until `release_leases` gave every count back or the connection closes;
 * - `create_buffers_request` knows `wait: true` (the reply comes when there is memory; 41 at once where the sum can never
 *   fit) and `scoped: true` (blobs that no object refers to and no stream was given are freed when the connection closes);
 * - `pull_next_stream_chunk_reply` carries `memory_usage`, `memory_limit` (bytes) and `readers` (how many connections
 *   are reading from streams now), the facts of the budget of leased bytes;
 * - one-way messages are acted upon at once, even while a request of the connection waits, and are never answered;
 * - events are frames with `event` instead of `type`. They can come between any two replies, and while one is awaited.
 *
 * Ids in one-way messages and events are texts ('o' + 16 hex digits).
 */
import type { ObjectId } from './ids.js'

export const extensionVersion = 1
/** The field of register_request and register_reply. */
export const extensionField = 'vineyard_streams'

/** One-way, client to store: gives back one lease count of each id. Unknown ids are ignored. */
export interface ReleaseLeases {
  type: 'release_leases'
  ids: ObjectId[]
}

/**
 * Event, store to each connection that opened the stream for writing: totals since the stream was created of what has
 * been consumed, that is, pulled and then left behind by the next pull. `bytes` counts what `push` counted.
 */
export interface StreamConsumed {
  event: 'stream_consumed'
  id: ObjectId
  chunks: number
  bytes: number
}

/**
 * Event, store to each connection that opened the stream for writing: it has failed or was dropped, because its reader
 * went away or somebody stopped it. Later pushes are refused with the same status.
 */
export interface StreamFailed {
  event: 'stream_failed'
  id: ObjectId
  code: number
  message: string
}

export type StoreEvent = StreamConsumed | StreamFailed
