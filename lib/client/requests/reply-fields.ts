import { VineyardError } from '../../errors.js'
import { messageText, type JsonObject, type JsonValue } from '../../protocol/json.js'

/*
 * The other files of this folder have one function for each request: what goes out, what the reply means. Fields, types and
 * errors are those of messages.md; integers that may exceed 2^53 are bigint on the way out and ObjectIds on the way in. These
 * read fields of replies: ERR_VINEYARD_PROTOCOL where one is missing or something else.
 */

export function arrayOf(reply: JsonObject, key: string): JsonValue[] {
  const value = reply[key]
  if (Array.isArray(value)) return value
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', `${messageText(reply['type'])} has no ${key}`)
}

export function countOf(reply: JsonObject, key: string, otherwise?: number): number {
  const value = reply[key] ?? otherwise
  if (typeof value === 'number' && value >= 0) return value
  // memory_usage of a vineyardd can go below 0, and is unsigned.
  if (typeof value === 'bigint') return Number(value)
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', `${messageText(reply['type'])} has no number as ${key}`)
}

export function objectOf(reply: JsonObject, key: string): JsonObject {
  const value = reply[key]
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', `${messageText(reply['type'])} has no object as ${key}`)
}

/** One element for each of what was asked for. */
export function manyOf(reply: JsonObject, key: string, count: number): JsonValue[] {
  const values = arrayOf(reply, key)
  if (values.length === count) return values
  throw new VineyardError(
    'ERR_VINEYARD_PROTOCOL',
    `${messageText(reply['type'])} has ${values.length} ${key} where ${count} were asked for`
  )
}
