/**
 * Identifiers are unsigned 64-bit integers: more than a JavaScript number holds. Three forms are in use here, all exact:
 * the public one is the text that Python prints, the wire form is the decimal number of a request, and `bigint` between.
 */

/** 'o' + 16 hex digits, as Python prints it. A blob's first digit is 8 or more. */
export type ObjectId = string & {
  /** For the compiler only, which tells ids from other texts by it. */
  readonly __objectId: never
}

const form = /^o[0-9a-f]{16}$/

/** The blob of zero bytes: always valid, never created or deleted. */
export const emptyBlobId = 'o8000000000000000' as ObjectId
/** Means the whole memory pool, "invalid object" and "unspecified instance" in upstream. */
export const invalidId = 'offffffffffffffff' as ObjectId

export function isObjectId(value: unknown): value is ObjectId {
  return typeof value === 'string' && form.test(value)
}

/**
 * Whether a value has the length and the first letter of an id: ten times faster than `isObjectId`, for what comes by the
 * million and is never more than a text that goes back to where it came from.
 */
export function looksLikeId(value: unknown): value is ObjectId {
  return typeof value === 'string' && value.length === 17 && value.charCodeAt(0) === 0x6f
}

/** Checks an id that came from the user. Accepts upper-case hex digits as upstream does. */
export function checkObjectId(value: unknown, name = 'id'): ObjectId {
  if (isObjectId(value)) return value
  if (typeof value === 'string' && isObjectId(value.toLowerCase())) return value.toLowerCase() as ObjectId
  const error: TypeError & { code?: string } = new TypeError(
    `The "${name}" argument must be an object id ('o' and 16 hex digits). Received ${typeof value === 'string' ? `'${value}'` : typeof value}`
  )
  error.code = 'ERR_INVALID_ARG_TYPE'
  throw error
}

export function objectIdFromBigInt(value: bigint): ObjectId {
  return `o${BigInt.asUintN(64, value).toString(16).padStart(16, '0')}` as ObjectId
}

export function objectIdToBigInt(id: ObjectId): bigint {
  return BigInt(`0x${id.slice(1)}`)
}

/** The decimal digits that a request carries. */
export function objectIdToDecimal(id: ObjectId): string {
  return objectIdToBigInt(id).toString()
}

/** Blobs have the top bit set. */
export function isBlobId(id: ObjectId): boolean {
  return id.charCodeAt(1) >= 0x38 // '8', and the letters behind the digits
}
