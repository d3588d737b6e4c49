import { argumentError } from '../options.js'

const units: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40
}

function invalid(message: string, value: unknown): Error {
  const shown = typeof value === 'string' ? `'${value}'` : String(value)
  return argumentError('ERR_OUT_OF_RANGE', `${message}. Received ${shown}`)
}

/**
 * A number of bytes from a number or a text: `1048576`, `'1048576'`, `'256Mi'`, `'1.5GiB'`, `'512M'`, `'64kb'`. Units with
 * an i are powers of 1024, those without are powers of 1000, as Kubernetes and vineyardd read them; case does not matter.
 * Fractions of a byte are cut off. Throws a RangeError (`ERR_OUT_OF_RANGE`) for anything that is not a positive size, and
 * a TypeError (`ERR_INVALID_ARG_TYPE`) for other types.
 */
export function parseSize(value: unknown, name = 'size'): number {
  if (typeof value !== 'number' && typeof value !== 'string') {
    throw Object.assign(
      new TypeError(`The "${name}" option must be a number of bytes or a text like '256Mi'`),
      {
        code: 'ERR_INVALID_ARG_TYPE'
      }
    )
  }
  let bytes: number
  if (typeof value === 'number') {
    bytes = value
  } else {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*$/i.exec(value)
    const unit = match ? units[match[2]!.toLowerCase()] : undefined
    if (unit === undefined)
      throw invalid(`The "${name}" option must be a size such as '256Mi' or '1G'`, value)
    bytes = Math.floor(Number(match![1]) * unit)
  }
  if (!Number.isSafeInteger(bytes) || bytes <= 0) {
    throw invalid(`The "${name}" option must be a positive whole number of bytes`, value)
  }
  return bytes
}
