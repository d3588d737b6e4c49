import { Status } from '../errors.js'
import { RequestError } from './request-error.js'
import { floatText, longDigits } from './request.js'

/** How deep metadata may be nested, members and values together. */
export const maxDepth = 1000

/** Byte order of UTF-8, in which upstream's sorted maps come. JavaScript's own order differs beyond the BMP. */
export function byteOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i += 1) {
    let x = a.charCodeAt(i)
    let y = b.charCodeAt(i)
    if (x === y) continue
    // Surrogates stand for code points above all others.
    if (x >= 0xd800 && y >= 0xd800) {
      if (x >= 0xe000) x -= 0x800
      else x += 0x2000
      if (y >= 0xe000) y -= 0x800
      else y += 0x2000
    }
    return x - y
  }
  return a.length - b.length
}

/** The JSON text of a value from a request; marked integers and floats become the numbers they were. */
export function valueText(value: unknown, depth = 0): string {
  if (depth > maxDepth) throw tooDeep()
  switch (typeof value) {
    case 'string':
      return longDigits(value) ?? wholeFloatText(value) ?? JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw RequestError.invalid('a number in the message is out of range')
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    default:
  }
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return `[${value.map(item => valueText(item, depth + 1)).join(',')}]`
  const object = value as Record<string, unknown>
  const parts = Object.keys(object)
    .sort(byteOrder)
    .map(key => `${JSON.stringify(key)}:${valueText(object[key], depth + 1)}`)
  return `{${parts.join(',')}}`
}

export function tooDeep(): RequestError {
  return new RequestError(
    Status.MetaTreeInvalid,
    `metadata must not be nested deeper than ${maxDepth} levels`
  )
}

/** The text of a whole float, with the fraction or exponent that makes readers take it for a float. */
function wholeFloatText(value: string): string | undefined {
  const text = floatText(value)
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isFinite(number)) throw RequestError.invalid(`the number ${text} is out of range`)
  if (Object.is(number, -0)) return '-0.0'
  return Math.abs(number) < 1e15 ? `${number}.0` : number.toExponential()
}
