/** Values of options and arguments: what is wrong with one is said with its name, before anything is done. */
import { InvalidArgumentError } from 'commander'
import { parseEndpoint } from '../rpc/endpoint.js'
import { parseSize } from '../store/size.js'

export function readCount(text: string): number {
  const count = Number(text)
  if (/^[1-9]\d*$/.test(text) && Number.isSafeInteger(count)) return count
  throw new InvalidArgumentError('It must be a whole number from 1.')
}

export function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text)
  throw new InvalidArgumentError('It must be the number of a port, or 0 for any free one.')
}

/** `host:port`, or a port alone. */
export function readEndpoint(text: string): { host?: string; port: number } {
  return /^\d+$/.test(text) ? { port: readPort(text) } : readWith(parseEndpoint, text)
}

/** The text itself, of which the store makes a size. */
export function readSize(text: string): string {
  readWith(parseSize, text)
  return text
}

export function readPath(text: string): string {
  if (text !== '' && !text.includes('\0')) return text
  throw new InvalidArgumentError('It must be a path.')
}

/** What `parse` throws of a wrong value is wrong usage. */
export function readWith<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`)
  }
}
