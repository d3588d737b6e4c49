/**
 * Checked access to the fields of metadata. Metadata is written by other processes in other languages, so
 * nothing in it is believed: every accessor throws ERR_VINEYARD_METADATA where a field is missing or is not
 * what the type needs.
 */
import { VineyardError } from '../errors.js'
import { messageText, type JsonValue } from '../protocol/json.js'
import type { Metadata } from './model.js'

/**
 * Rows and elements are counted up to here. Longer values could not be indexed by apache-arrow, and values
 * without a blob (nulls, batches without columns) would otherwise have any length that their metadata claims.
 */
export const maxLength = 2 ** 31 - 1

/** The error of metadata that cannot be read. Says which object it is about. */
export function metadataError(meta: Metadata, problem: string, cause?: unknown): VineyardError {
  const options = cause === undefined ? {} : { cause }
  return new VineyardError(
    'ERR_VINEYARD_METADATA',
    `${messageText(meta.typename)} ${messageText(meta.id)}: ${problem}`,
    options
  )
}

/** A field's value, or undefined. Only own keys count: `__proto__` and `constructor` are not fields. */
export function optional(meta: Metadata, key: string): JsonValue | undefined {
  return Object.hasOwn(meta, key) ? meta[key] : undefined
}

/** Whether the value of a field is an object, as members are; nothing is known about its fields. */
export function isNested(value: JsonValue | undefined): value is Metadata {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether the value of a field is the metadata of a member object. */
export function isMember(value: JsonValue | undefined): value is Metadata {
  return (
    isNested(value) &&
    typeof optional(value, 'typename') === 'string' &&
    typeof optional(value, 'id') === 'string'
  )
}

export function text(meta: Metadata, key: string): string {
  const value = optional(meta, key)
  if (typeof value === 'string') return value
  throw metadataError(meta, value === undefined ? `"${key}" is missing` : `"${key}" is not a text`)
}

/** An integer of at least `least`, as a number or, as upstream's readers allow, as decimal text. */
export function integer(meta: Metadata, key: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = optional(meta, key)
  if (value === undefined) throw metadataError(meta, `"${key}" is missing`)
  const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < least || number > most) {
    throw metadataError(meta, `"${key}" is not an integer from ${least} to ${most}`)
  }
  return number
}

/** A number of rows or elements: 0 to `maxLength`. */
export function count(meta: Metadata, key: string): number {
  return integer(meta, key, 0, maxLength)
}

/**
 * The value of a field that holds JSON in a text, e.g. `shape_`: `"[2, 3]"`. Integers are plain numbers in
 * it.
 */
export function jsonText(meta: Metadata, key: string): unknown {
  const source = text(meta, key)
  try {
    return JSON.parse(source) as unknown
  } catch (cause) {
    throw metadataError(meta, `"${key}" is not JSON`, cause)
  }
}

/** The shape of an array: JSON text with the extent of every dimension, slowest first. */
export function shapeOf(meta: Metadata, key: string): number[] {
  const shape = jsonText(meta, key)
  if (!Array.isArray(shape) || shape.length > 64) throw metadataError(meta, `"${key}" is not a shape`)
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || (extent as number) < 0)
      throw metadataError(meta, `"${key}" is not a shape`)
  }
  return shape as number[]
}

/** How many elements an array of this shape has. Fails where that is more than `maxLength`. */
export function elementsOf(meta: Metadata, shape: readonly number[]): number {
  const elements = shape.reduce((product, extent) => product * extent, 1)
  // NaN is 0 times an overflow to Infinity.
  if (Number.isNaN(elements)) return 0
  if (elements > maxLength) throw metadataError(meta, `${elements} elements are too many`)
  return elements
}

/**
 * The members `<prefix>0` … `<prefix>n-1`. They are looked up one by one, so a false `n` allocates nothing.
 */
export function numberedMembers(meta: Metadata, prefix: string, n: number): Metadata[] {
  const members: Metadata[] = []
  for (let i = 0; i < n; i += 1) {
    const value = optional(meta, `${prefix}${i}`)
    if (!isMember(value)) throw metadataError(meta, `the member "${prefix}${i}" is missing`)
    members.push(value)
  }
  return members
}
