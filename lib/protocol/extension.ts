/**
 * What this package's client and store say to each other beyond the standard protocol. Both keep to the standard where
 * the other end is somebody else: real peers ignore the unknown field in the registration, and nothing else, but `scoped`
 * over TCP, is ever sent to a connection that has not agreed.
 *
 * Agreement: `register_request` carries `vineyard_streams: extensionVersion`, the reply answers the same field with the
 * version that both understand. Over TCP it is not answered, because nearly all of this is about shared memory; but from a
 * client that sent it the store heeds `scoped: true`, in `create_datas_request` and as below in `create_remote_buffer(s)_request`:
 * what a killed writer had uploaded and not pushed goes with its connection. A vineyardd ignores the field.
 *
 * On a connection that has agreed
 *
 * - every blob that a `get_buffers_reply` names is leased to the connection, counted: its memory is kept, whatever is
 *   deleted, until `release_leases` gave every count back or the connection closes;
 * - `create_buffers_request` knows `wait: true` (the reply comes when there is memory; 41 at once where the sum can never
 *   fit), with `ticket`, a number that grows from one such request of the connection to the next, for `cancel_waiting`, and
 *   `scoped: true` (blobs that no object refers to and no stream was given are freed when the connection closes). Scoped ones that are
 *   not waited for are memory in advance, for which nobody gives up anything, unless it says `urgent: true`;
 * - `create_datas_request` knows `scoped: true`: the objects are deleted with the connection unless they have become
 *   members, or were pushed, named or persisted by then;
 * - `pull_next_stream_chunk_reply` carries `memory_usage`, `memory_limit` (bytes) and `readers` (how many connections
 *   are reading from streams now), the facts of the budget of leased bytes;
 * - one-way messages are acted upon at once, even while a request of the connection waits, and are never answered:
 *   `release_leases { ids }` gives back one lease count of each blob, `consume_chunks { id, count, released }` gives up the oldest
 *   chunks that this reader holds, `cancel_waiting { ticket }` ends the wait for memory with that ticket, which is answered
 *   with status 36 then, or at its turn if another request is before it; it does nothing to one that has been answered,
 *   `give_back_blobs { ids }` frees scoped blobs of this connection that are not sealed;
 * - events are frames with `event` instead of `type`. They can come between any two replies, and while one is awaited;
 * - `write_chunks_request { id, templates, chunks, done, ids }` pushes many chunks at once, all or none. Their metadata are
 *   those of a template (lib/protocol/template.ts) with the variables filled in, and their blobs lie together in a blob of
 *   the connection. `templates` adds texts to those of the stream, which are numbered in the order they came; -1 stands
 *   for a chunk that is a blob itself. An element of `chunks` is one of
 *     `[template, blob, size]`: a packed chunk is the first `size` bytes of the blob (all of it without `size`), which is
 *       sealed and becomes its own,
 *     `[block, template, at, size, template, at, size, …]`: packed chunks that lie side by side in a blob, which stays the
 *       writer's to put more into until it is named in `done`, and whose memory stays until the last of them is gone,
 *     `[template, blob, vars, spans, size]`: variables that are not all numbers, and offset and size of each blob.
 *   A packed chunk begins with its header: the variables, then the spans (offset behind the header, and size, of each
 *   blob), as little-endian float64; the blobs follow at the next multiple of 64. The store reads it only when somebody
 *   asks for the chunk by its id: objects come into being only then. With `ids: true` the reply has the `ids`. `slots: [[count,
 *   size], …]` asks for scoped blobs in advance, as many as there is memory for, and little while somebody waits for some: the reply has
 *   `slots: [[id, offset, id, offset, …], …]`, with `fd` and `store_fd` as where one blob is made;
 * - `pull_chunks_request { id, max, max_bytes, templates, consumed, released }` answers with at least one chunk, as soon as there is
 *   one, and leaves them with the reader until it says that they are `consumed`. `released` is as in `release_leases`. A chunk is one of
 *     `[id, template, offset, size, blob]`: packed, leased,
 *     `[id, template, offset, size]`: packed in a block, not leased: to be copied out before it is consumed,
 *     `[id, template, vars, spans, blob, offset, size]`: leased,
 *     or the id of an object that the reader has to ask for.
 *   `templates` in the request is how many the reader knows, in the reply the texts from there on;
 * - event `memory_wanted`: somebody waits for memory, and blobs that the connection has in advance may be what is missing;
 * - `create_stream_request` knows `consumers` (how many connections may read, each all of it), `policy` ('wait', 'drop' or
 *   'evict': see SlowReaders) and `resumable` (only with 'wait'). With any of these a connection that reads has a seat of
 *   its own, 45 where none is left; a status beyond upstream's, 1043, ends a reader that was evicted. `pull_chunks_reply`
 *   says in `missed` how many chunks this reader was too slow for so far;
 * - `open_stream_request` of a writer carries its `window { chunks, bytes }`: then `stream_consumed` comes only while half of
 *   it or more is outstanding, and when what the writer demanded has been consumed;
 * - `demand_room { id, chunks, bytes }`, one-way: the writer's window stays full until this much has been consumed in all
 *   since the stream was created: it is to be told, and the policy may have to act. `leave_stream { id }`, one-way: this connection reads no
 *   more from the stream; a pull that waits ends with 43. A resumable stream keeps what the reader had not consumed;
 * - `keep_leases {}`, one-way: the client has given the connection up, and will say nothing any more but `release_leases`. All
 *   that it had but its leases ends as if it had closed;
 * - `store_snapshot_request { objects }` answers with what there is to see of the store (lib/protocol/snapshot.ts).
 *
 * Ids in one-way messages, events and the two requests of chunks are texts ('o' + 16 hex digits).
 */
import { isObjectId, type ObjectId } from './ids.js'
import type { JsonObject } from './json.js'

export const extensionVersion = 1
/** The field of register_request and register_reply. */
export const extensionField = 'vineyard_streams'

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

/** Event, store to each connection with unsealed scoped blobs: somebody waits for memory. */
export interface MemoryWanted {
  event: 'memory_wanted'
}

export type StoreEvent = StreamConsumed | StreamFailed | MemoryWanted

/** An event as the server wrote it. Throws an Error for what is none. */
export function readEvent(message: JsonObject): StoreEvent {
  const { event, id } = message
  const known =
    event === 'memory_wanted' ||
    (event === 'stream_consumed' &&
      isObjectId(id) &&
      isCount(message['chunks']) &&
      isCount(message['bytes'])) ||
    (event === 'stream_failed' &&
      isObjectId(id) &&
      isCount(message['code']) &&
      typeof message['message'] === 'string')
  if (!known) throw new Error('it is an event of no known form')
  return message as unknown as StoreEvent
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
