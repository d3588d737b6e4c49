/**
 * JSON with exact 64-bit integers, in both directions. Node 20's JSON gives no access to the source text of a number, so
 * the addon marks integers beyond 2^53 before JSON.parse (`markLongIntegers`), and this file turns the marks into bigint.
 */
import { native } from '../native.js'

/** A JSON value; integers beyond 2^53 are bigint. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | { [key: string]: JsonValue }
/** An object of JSON values. */
export type JsonObject = { [key: string]: JsonValue }

const mark = '\u0000n'
const digits = /^-?[0-9]{16,}$/

/** What a marked text is after JSON.parse: bigint for a mark, the value itself otherwise. */
export function unmark(value: string): string | bigint {
  if (!value.startsWith(mark)) return value
  const number = value.slice(mark.length)
  return digits.test(number) ? BigInt(number) : value
}

/** Replaces the marks in a parsed value, in place where it is an object or an array. */
export function unmarkAll(value: unknown): JsonValue {
  if (typeof value === 'string') return unmark(value)
  if (typeof value !== 'object' || value === null) return value as JsonValue
  const pending: (Record<string, unknown> | unknown[])[] = [value as Record<string, unknown>]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    for (const key of Object.keys(node)) {
      const child = (node as Record<string, unknown>)[key]
      if (typeof child === 'string') {
        if (child.startsWith(mark)) (node as Record<string, unknown>)[key] = unmark(child)
      } else if (typeof child === 'object' && child !== null) {
        pending.push(child as Record<string, unknown>)
      }
    }
  }
  return value as JsonValue
}

/** Parses a JSON text; integers that a number cannot hold become bigint. Throws SyntaxError. */
export function parseJson(text: string): JsonValue {
  return unmarkAll(JSON.parse(native.markLongIntegers(text)))
}

/** A value that a peer sent, for a message. An object could have a `toString` of its own, or be very deep. */
export function messageText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? 'an array' : 'an object'
}

export type Stringifiable =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | readonly Stringifiable[]
  | { readonly [key: string]: Stringifiable }

/** Text in JSON, in valid Unicode: half a surrogate pair becomes U+FFFD, as in a TextEncoder. */
export function quoteText(text: string): string {
  return withoutHalves(JSON.stringify(text))
}

/** Like JSON.stringify with bigint as an integer, -0 as such, and valid Unicode. */
export function stringifyJson(value: Stringifiable): string {
  return withoutHalves(joinJson(value))
}

/**
 * A text of JSON.stringify in valid Unicode. An escape of half a pair ends a vineyardd, whose error message would have the
 * bytes around it. Whole pairs are never escaped, so most messages are only searched, once.
 */
function withoutHalves(json: string): string {
  if (!json.includes('\\ud')) return json
  // One escape after the other: a backslash that is escaped begins none.
  return json.replace(/\\(?:ud...|.)/g, escape => (escape.length > 2 ? '\ufffd' : escape))
}

function joinJson(value: Stringifiable): string {
  switch (typeof value) {
    case 'bigint':
      return value.toString()
    case 'number':
      return Object.is(value, -0) ? '-0' : JSON.stringify(value)
    case 'string':
    case 'boolean':
      return JSON.stringify(value)
    case 'object':
      break
    default:
      return 'null'
  }
  if (value === null) return 'null'
  if (Array.isArray(value)) return `[${value.map(joinJson).join(',')}]`
  let text = ''
  for (const [key, child] of Object.entries(value)) {
    if (child === undefined) continue
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${joinJson(child)}`
  }
  return `{${text}}`
}
