import type { ObjectId } from '../protocol/ids.js'
import { maxBlobs, maxElements } from '../protocol/request-limits.js'
import { RequestError } from './request-error.js'

/** Frames longer than this are checked for how many values they hold before they are parsed: shorter ones hold too few. */
const checkedLength = 64 * 1024
/** More of them take longer to parse than everybody else should wait. An object of 102,400 blobs has 409,600. */
const maxValues = 512 * 1024

const longMark = '\u0000n'
const floatMark = '\u0000f'
const longForm = /^-?[0-9]{16,}$/
const floatForm = /^-?[0-9.eE+-]+$/
/**
 * What a number with a fraction of zeros or an exponent looks like: JSON.parse makes it an integer, upstream keeps it a
 * float. Looks at each character a bounded number of times, however many digits a hostile number has.
 */
const wholeFloat = /[0-9][eE][-+0-9]|\.0+[\s,}\]]/
/** A surrogate written as an escape, and one without its other half. */
const surrogate = /\\u[dD][89a-fA-F]/
const loneSurrogate =
  /(?<!\\)(?:\\\\)*\\u(?:[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F])/
/** No 64-bit integer has more digits; turning millions of them into a bigint would take minutes. */
const maxDigits = 20

/** The fields of a request. Integers beyond 2^53 and floats with whole values are marker strings. */
export type Request = Readonly<Record<string, unknown>>

/** Parses the text of a frame as the addon delivers it. Throws RequestError 1. */
export function parseRequest(text: string): Request {
  if (text.length > checkedLength) checkValues(text)
  let request: unknown
  try {
    request = JSON.parse(wholeFloat.test(text) ? markWholeFloats(text) : text)
  } catch (error) {
    // A trailing zero byte is tolerated upstream: C strings are sent with it.
    if (text.endsWith('\0')) return parseRequest(text.slice(0, -1))
    throw RequestError.invalid(`the message is not JSON: ${(error as Error).message.slice(0, 200)}`)
  }
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    throw RequestError.invalid('the message is not a JSON object')
  }
  if (surrogate.test(text) && loneSurrogate.test(text))
    throw RequestError.invalid('the message has half a surrogate pair, which is no text')
  return request as Request
}

/** Counts commas and brackets outside of strings: a long text is one value, whatever stands in it. */
function checkValues(text: string): void {
  let values = 0
  let i = 0
  while (i < text.length) {
    const c = text.charCodeAt(i)
    if (c === 0x22) {
      i = endOfString(text, i)
      continue
    }
    if (c === 0x2c || c === 0x5b || c === 0x7b) {
      values += 1
      if (values > maxValues) throw RequestError.invalid(`the message has more than ${maxValues} values`)
    }
    i += 1
  }
}

/** Replaces floats that are whole numbers by marker strings, outside of strings. */
function markWholeFloats(text: string): string {
  let result = ''
  let copied = 0
  let i = 0
  while (i < text.length) {
    const c = text.charCodeAt(i)
    if (c === 0x22) {
      i = endOfString(text, i)
    } else if (c === 0x2d || (c >= 0x30 && c <= 0x39)) {
      const start = i
      let float = false
      for (i += 1; i < text.length; i += 1) {
        const d = text.charCodeAt(i)
        if (d >= 0x30 && d <= 0x39) continue
        if (d === 0x2e || d === 0x65 || d === 0x45) float = true
        else if (d !== 0x2b && d !== 0x2d) break
      }
      const value = float ? Number(text.slice(start, i)) : NaN
      if (Number.isInteger(value)) {
        result += `${text.slice(copied, start)}"\\u0000f${text.slice(start, i)}"`
        copied = i
      }
    } else {
      i += 1
    }
  }
  return result + text.slice(copied)
}

/** The index behind a string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1
  for (;;) {
    const quote = text.indexOf('"', i)
    if (quote < 0) return text.length
    let backslashes = 0
    while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes += 1
    if (backslashes % 2 === 0) return quote + 1
    i = quote + 1
  }
}

/** The digits of a marked long integer, or undefined. */
export function longDigits(value: string): string | undefined {
  if (!value.startsWith(longMark)) return undefined
  const digits = value.slice(longMark.length)
  return longForm.test(digits) ? digits : undefined
}

/** The text of a marked float, or undefined. */
export function floatText(value: string): string | undefined {
  if (!value.startsWith(floatMark)) return undefined
  const text = value.slice(floatMark.length)
  return floatForm.test(text) ? text : undefined
}

/** Whether upstream would see a number here. */
export function isNumber(value: unknown): boolean {
  if (typeof value === 'number') return true
  return typeof value === 'string' && (longDigits(value) ?? floatText(value)) !== undefined
}

/** A 64-bit value as upstream reads it: floats are cut, negative numbers wrap. Undefined for what is not a number. */
export function toU64(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? wrap(BigInt(Math.trunc(value))) : undefined
  if (typeof value !== 'string') return undefined
  const digits = longDigits(value)
  if (digits !== undefined) return digits.length > maxDigits ? undefined : wrap(BigInt(digits))
  const float = Number(floatText(value) ?? NaN)
  return Number.isFinite(float) ? wrap(BigInt(Math.trunc(float))) : undefined
}

function wrap(value: bigint): bigint | undefined {
  return value >= -(2n ** 63n) && value < 2n ** 64n ? BigInt.asUintN(64, value) : undefined
}

function missing(name: string, kind: string): RequestError {
  return RequestError.invalid(`the field '${name}' must be ${kind}`)
}

function tooMany(name: string, max: number): RequestError {
  return RequestError.invalid(`the field '${name}' has more than ${max} elements, the limit of one request`)
}

function toId(value: unknown, name: string): ObjectId {
  if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)) {
    return `o${value.toString(16).padStart(16, '0')}` as ObjectId
  }
  const id = toU64(value)
  if (id === undefined) throw missing(name, 'an id (an unsigned 64-bit integer)')
  return `o${id.toString(16).padStart(16, '0')}` as ObjectId
}

export function readId(request: Request, name: string): ObjectId {
  return toId(request[name], name)
}

export function readIds(request: Request, name: string, max = maxElements): ObjectId[] {
  return readArray(request, name, max).map(value => toId(value, name))
}

/** Ids as `num` and "0", "1"… */
export function readNumberedIds(request: Request, max: number): ObjectId[] {
  const count = readSize(request, 'num')
  if (count > max) throw tooMany('num', max)
  if (count > Object.keys(request).length) throw RequestError.invalid("there are fewer ids than 'num' says")
  return Array.from({ length: count }, (_, index) => readId(request, String(index)))
}

export function readArray(request: Request, name: string, max = maxElements): readonly unknown[] {
  const value = request[name]
  if (!Array.isArray(value)) throw missing(name, 'an array')
  if (value.length > max) throw tooMany(name, max)
  return value
}

/** Sizes of blobs that are to be made. */
export function readSizes(request: Request): number[] {
  return readArray(request, 'sizes', maxBlobs).map(size => toSize(size, 'sizes'))
}

/** A size in bytes: what does not fit into a number is Infinity, which no store has. */
export function toSize(value: unknown, name: string): number {
  if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)) return value
  const size = toU64(value)
  if (size === undefined) throw missing(name, 'a size')
  return size > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(size)
}

export function readSize(request: Request, name: string): number {
  return toSize(request[name], name)
}

export function readInteger(request: Request, name: string): bigint {
  const value = toU64(request[name])
  if (value === undefined) throw missing(name, 'an integer')
  return BigInt.asIntN(64, value)
}

export function readString(request: Request, name: string): string {
  const value = request[name]
  if (typeof value !== 'string' || isNumber(value)) throw missing(name, 'a string')
  return value
}

export function readStrings(request: Request, name: string): string[] {
  return readArray(request, name).map(value => {
    if (typeof value !== 'string' || isNumber(value)) throw missing(name, 'an array of strings')
    return value
  })
}

export function readBoolean(request: Request, name: string): boolean {
  const value = request[name]
  if (typeof value !== 'boolean') throw missing(name, 'a boolean')
  return value
}

/** An optional boolean: false where the field is left out. */
export function readFlag(request: Request, name: string): boolean {
  return request[name] === undefined ? false : readBoolean(request, name)
}
