import { VineyardError } from '../errors.js'
import { isObjectId, objectIdFromBigInt, type ObjectId } from './ids.js'
import { messageText, type JsonValue } from './json.js'

/** Where the bytes of a blob are (messages.md §3). */
export interface Payload {
  id: ObjectId
  /** The server's number of the descriptor: only a key for the descriptors it has passed on this connection. */
  storeFd: number
  offset: number
  size: number
}

function count(value: JsonValue | undefined, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', `a payload's ${name} is ${messageText(value)}`)
}

/** An id in a reply: a JSON integer. */
export function replyId(value: JsonValue | undefined): ObjectId {
  if (typeof value === 'bigint') return objectIdFromBigInt(value)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return objectIdFromBigInt(BigInt(value))
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', `a reply has ${messageText(value)} where an id should be`)
}

/** An id in a reply of the extension: a text. */
export function textId(value: JsonValue | undefined): ObjectId {
  if (isObjectId(value)) return value
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', `a reply has ${messageText(value)} where an id should be`)
}

export function decodePayload(value: JsonValue | undefined): Payload {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'a payload is not an object')
  }
  const size = count(value['data_size'], 'data_size')
  // The empty blob has store_fd -1 and is never mapped.
  const storeFd = size === 0 ? -1 : count(value['store_fd'], 'store_fd')
  return {
    id: replyId(value['object_id']),
    storeFd,
    offset: size === 0 ? 0 : count(value['data_offset'], 'data_offset'),
    size
  }
}
