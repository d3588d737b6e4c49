import { VineyardError } from '../../errors.js'
import { isObjectId, objectIdToBigInt, type ObjectId } from '../../protocol/ids.js'
import type { JsonObject, JsonValue } from '../../protocol/json.js'
import { replyId, textId, type Payload } from '../../protocol/payload.js'
import type { Connection, Requester, RequestOptions } from '../connection.js'
import type { SlotsWanted } from '../slot-pool.js'
import { arrayOf, countOf, manyOf } from './reply-fields.js'

/** Returns the bytes that the chunk counts with: as the store says, or `bytes` where the server does not tell. */
export async function pushChunk(
  connection: Connection,
  stream: ObjectId,
  chunk: ObjectId,
  bytes: number
): Promise<number> {
  const reply = await connection.request(
    { type: 'push_next_stream_chunk_request', id: objectIdToBigInt(stream), chunk: objectIdToBigInt(chunk) },
    'push_next_stream_chunk_reply'
  )
  const counted = reply['bytes']
  return typeof counted === 'number' ? counted : bytes
}

export interface PulledChunk {
  id: ObjectId
  /** Only the store tells these. */
  memory: { usage: number; limit: number; readers: number } | undefined
  /** Chunks that this reader was too slow for so far. */
  missed: number
}

/**
 * Gives up the chunk pulled before and waits for the next one, which does not keep the process alive. `options` where the
 * stream has been stopped: it is answered then.
 */
export async function pullChunk(
  connection: Requester,
  stream: ObjectId,
  options: RequestOptions = { waits: true, ahead: true }
): Promise<PulledChunk> {
  const reply = await connection.request(
    { type: 'pull_next_stream_chunk_request', id: objectIdToBigInt(stream) },
    'pull_next_stream_chunk_reply',
    options
  )
  const { memory_usage: usage, memory_limit: limit, readers } = reply
  const memory =
    typeof usage === 'number' && typeof limit === 'number'
      ? { usage, limit, readers: Number(readers) }
      : undefined
  return { id: replyId(reply['chunk']), memory, missed: countOf(reply, 'missed', 0) }
}

/**
 * Only on connections with the extension. Pushes chunks, all or none. `request`: the fields of the request; `count`: how
 * many ids it asks for.
 */
export async function writeChunks(
  connection: Connection,
  request: string,
  count: number,
  wanted: readonly SlotsWanted[]
): Promise<{ ids: ObjectId[]; slots: Payload[][] }> {
  const reply = await connection.requestText('write_chunks_request', request, 'write_chunks_reply')
  return {
    ids: count === 0 ? [] : manyOf(reply, 'ids', count).map(textId),
    slots: wanted.map(([count, size], index) => slotsOf(reply, index, count, size))
  }
}

/** Only on connections with the extension. Gives up so many chunks more, and one lease each of the blobs `released`. */
export function consumeChunks(
  connection: Connection,
  stream: ObjectId,
  count: number,
  released: readonly ObjectId[]
): void {
  connection.notifyText(
    `{"type":"consume_chunks","id":"${stream}","count":${count},"released":${listOfIds(released)}}`
  )
}

function listOfIds(ids: readonly ObjectId[]): string {
  return ids.length === 0 ? '[]' : `["${ids.join('","')}"]`
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
  // Composed as text: it is said for each chunk where a reader keeps up.
  const reply = await connection.requestText(
    'pull_chunks_request',
    `"id":"${stream}","max":${max},"max_bytes":${maxBytes},"templates":${templates},"consumed":${consumed},` +
      `"released":${listOfIds(released)}`,
    'pull_chunks_reply',
    { waits: true, ahead: true }
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
