/** Checks of what users pass. Every one throws before anything is done, and says what it got. */
import { inspect } from 'node:util'
import type { Client } from './client/client.js'

type ArgumentErrorCode = 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE'

/** A TypeError or RangeError with a Node code, for an argument that is wrong whatever the server says. */
export function argumentError(code: ArgumentErrorCode, message: string): TypeError & { code: string } {
  const error = code === 'ERR_OUT_OF_RANGE' ? new RangeError(message) : new TypeError(message)
  return Object.assign(error, { code })
}

/** Throws for a value that `what` must not be; `what` reads like `"timeout" option`. */
export type Check = (value: unknown, what: string) => void

/** The options that a call knows, and what each may be. */
export type Checks = Readonly<Record<string, Check>>

function refuse(code: ArgumentErrorCode, what: string, rule: string, value: unknown): never {
  const shown = inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 100, maxArrayLength: 5 })
  throw argumentError(code, `The ${what} must be ${rule}. Received ${shown}`)
}

/** For what is checked where it is used. */
export const isAnything: Check = () => {}

export const isBoolean: Check = (value, what) => {
  if (typeof value !== 'boolean') refuse('ERR_INVALID_ARG_TYPE', what, 'a boolean', value)
}

export const isString: Check = (value, what) => {
  if (typeof value !== 'string') refuse('ERR_INVALID_ARG_TYPE', what, 'a string', value)
}

/** A string that is not empty. */
export const isText: Check = (value, what) => {
  isString(value, what)
  if (value === '') refuse('ERR_INVALID_ARG_VALUE', what, 'a string that is not empty', value)
}

export function isOneOf(...values: readonly string[]): Check {
  const last = `'${values.at(-1)}'`
  const rule = `${values
    .slice(0, -1)
    .map(value => `'${value}'`)
    .join(', ')} or ${last}`
  return (value, what) => {
    if (!values.includes(value as string)) refuse('ERR_INVALID_ARG_VALUE', what, rule, value)
  }
}

export function isInteger(min: number, max = Number.MAX_SAFE_INTEGER): Check {
  const rule = max === Number.MAX_SAFE_INTEGER ? `an integer >= ${min}` : `an integer from ${min} to ${max}`
  return (value, what) => {
    if (typeof value !== 'number') refuse('ERR_INVALID_ARG_TYPE', what, rule, value)
    if (!Number.isSafeInteger(value) || value < min || value > max)
      refuse('ERR_OUT_OF_RANGE', what, rule, value)
  }
}

function isNumber(rule: string, fits: (value: number) => boolean): Check {
  return (value, what) => {
    if (typeof value !== 'number') refuse('ERR_INVALID_ARG_TYPE', what, rule, value)
    if (!fits(value)) refuse('ERR_OUT_OF_RANGE', what, rule, value)
  }
}

/** A limit, which may be Infinity. */
export const isLimit = isNumber('a number >= 1', value => value >= 1)
export const isDuration = isNumber('a number of milliseconds >= 0', value => value >= 0)
export const isPositiveDuration = isNumber('a number of milliseconds > 0', value => value > 0)

/** With the code that Node's own streams have for it. */
export const isHighWaterMark: Check = (value, what) => {
  if (!Number.isInteger(value) || (value as number) < 0)
    refuse('ERR_INVALID_ARG_VALUE', what, 'an integer >= 0', value)
}

/** As Node does: whatever has an `aborted` is taken for a signal, those of other realms and polyfills too. */
export const isSignal: Check = (value, what) => {
  if (typeof value !== 'object' || value === null || !('aborted' in value))
    refuse('ERR_INVALID_ARG_TYPE', what, 'an AbortSignal', value)
}

/** How deep JSON may be nested: an object that contains itself is never written to its end. */
const maxDepth = 100

/** An object of JSON values, long integers as bigint. */
export const isJsonObject: Check = (value, what) => {
  if (!isPlainObject(value)) refuse('ERR_INVALID_ARG_TYPE', what, 'an object of JSON values', value)
  for (const [key, child] of Object.entries(value)) checkJson(child, what, [key])
}

function checkJson(value: unknown, what: string, path: readonly string[]): void {
  if (value === undefined || value === null || Number.isFinite(value)) return
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return
  const isList = Array.isArray(value)
  if ((!isList && !isPlainObject(value)) || path.length > maxDepth) {
    const rule = `an object of JSON values, at most ${maxDepth} deep, and ${path.slice(0, 5).join('.')} is not`
    refuse('ERR_INVALID_ARG_VALUE', what, rule, value)
  }
  for (const [key, child] of Object.entries(value)) checkJson(child, what, [...path, key])
}

function isPlainObject(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]'
}

/** A client, also one of another copy of this package. */
export function checkClient(value: unknown): asserts value is Client {
  if (typeof value === 'object' && value !== null && 'core' in value) return
  refuse('ERR_INVALID_ARG_TYPE', '"client" argument', 'a Client (options come after it)', value)
}

/** A stream, also one of another copy of this package; a group of streams has no ends of its own. */
export function checkStream(value: unknown): void {
  if (typeof value === 'object' && value !== null && 'openReader' in value && 'openWriter' in value) return
  refuse('ERR_INVALID_ARG_TYPE', '"stream" argument', 'a stream, and not a group of streams', value)
}

/**
 * Refuses option objects with a name that nobody reads, most often a misspelling, and values of the wrong kind. `internal`
 * are names that are read and not told of. `of` names the option whose options these are.
 */
export function checkOptions(
  options: unknown,
  known: Checks,
  { internal = {}, of }: { internal?: Checks; of?: string } = {}
): void {
  checkIsObject(options, of === undefined ? '"options" argument' : `"${of}" option`)
  const given = Object.entries(options)
  const checkOf = (name: string): Check | undefined =>
    Object.hasOwn(known, name) ? known[name] : Object.hasOwn(internal, name) ? internal[name] : undefined
  const unknown = given.filter(([name]) => checkOf(name) === undefined).map(([name]) => `"${name}"`)
  if (unknown.length > 0) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `Unknown option${unknown.length > 1 ? 's' : ''} ${unknown.join(', ')}. Known: ${Object.keys(known).join(', ')}`
    )
  }
  for (const [name, value] of given) {
    if (value !== undefined) checkOf(name)?.(value, `"${of === undefined ? '' : `${of}.`}${name}" option`)
  }
}

export function checkIsObject(options: unknown, what = '"options" argument'): asserts options is object {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    refuse('ERR_INVALID_ARG_TYPE', what, 'an object', options)
}
