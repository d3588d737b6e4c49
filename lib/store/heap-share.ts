import { getHeapStatistics } from 'node:v8'
import { Status } from '../errors.js'
import { RequestError } from './request-error.js'

/** The part of V8's heap that may be taken. Blobs take a third at most; the rest is for requests and replies. */
const part = 1 / 2
/** And so much of that beyond it where chunks that are in line become objects: their readers are to get them. */
const reserve = 1 / 8

/**
 * What clients leave in the memory of this process, whoever they are: metadata, names, streams and the chunks in line. Past
 * the limit nothing more is taken, so that a client that goes on and on gets an error, where V8 would end the process.
 * Whoever keeps something counts it; the counts are estimates from above.
 */
export class HeapShare {
  readonly #limit: number
  #used = 0

  /** `limit` is in bytes. */
  constructor(limit = getHeapStatistics().heap_size_limit * part) {
    this.#limit = limit
  }

  /** Bytes that are counted now. */
  get used(): number {
    return this.#used
  }

  /** Throws 41 where there is no room for so many bytes more. */
  admit(bytes: number): void {
    this.#admit(bytes, this.#limit)
  }

  /** The same for objects of a chunk that is in line. */
  admitFromLine(bytes: number): void {
    this.#admit(bytes, this.#limit * (1 + reserve))
  }

  /** Counts what is kept; what is kept no more with a negative number. */
  count(bytes: number): void {
    this.#used += bytes
  }

  #admit(bytes: number, limit: number): void {
    if (this.#used + bytes <= limit) return
    throw new RequestError(
      Status.NotEnoughMemory,
      `the process has no memory left for more objects, names and chunks: about ${Math.round(this.#used / 2 ** 20)} MiB are taken`
    )
  }
}

/** What a text takes: two bytes for each character, and as much again where it is part of a longer one that is kept. */
export function textBytes(text: string): number {
  return 4 * text.length
}
