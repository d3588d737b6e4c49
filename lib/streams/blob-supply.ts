import { dropBlobs } from '../client/blob-allocation.js'
import type { Connection } from '../client/connection.js'
import { createBuffer } from '../client/requests/blobs.js'
import type { Payload } from '../protocol/payload.js'
import type { ProducerGuard } from './producer-guard.js'

/** Chunks for which blobs are allocated ahead. What a process has asked for and not been told of when it is killed is lost. */
const longestAhead = 4
/** Bytes that they take at most, as a share of the server's memory, and in any case. */
const largestShare = 1 / 64
const mostBytes = 4 * 2 ** 20

/**
 * Blobs on a vineyardd that are allocated before they are needed, for a writer whose chunks are as large as the one before:
 * it can fill a chunk without waiting for the server, and what it asks for goes out with what it asks for the chunks next to it.
 */
export class BlobSupply {
  readonly #connection: Connection
  readonly #guard: ProducerGuard | undefined
  readonly #mostBytes: number
  /** Of which sizes there are some. */
  #sizes: readonly number[] = []
  #ready: Payload[][] = []
  /** Sets that have been asked for. */
  #coming = 0
  readonly #requests = new Set<Promise<void>>()
  #closed = false

  constructor(connection: Connection, memoryLimit: number, guard: ProducerGuard | undefined) {
    this.#connection = connection
    this.#guard = guard
    this.#mostBytes = Math.min(memoryLimit * largestShare, mostBytes)
  }

  /** Blobs of these sizes, which are more than 0, if there are any; and sees to it that there will be. */
  take(sizes: readonly number[]): Payload[] | undefined {
    if (this.#closed || sizes.length === 0) return undefined
    if (!isSame(sizes, this.#sizes)) {
      void this.#release()
      this.#sizes = [...sizes]
      return undefined
    }
    const taken = this.#ready.shift()
    this.#fill()
    return taken
  }

  /** Frees what nobody took. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.#release(), ...this.#requests])
  }

  #fill(): void {
    let bytes = 0
    for (const size of this.#sizes) bytes += size
    const wanted = Math.min(longestAhead, Math.floor(this.#mostBytes / bytes))
    // Few at a time would cost as much as none: each time the server is woken.
    if (2 * (this.#ready.length + this.#coming) > wanted) return
    while (this.#ready.length + this.#coming < wanted) {
      const request = this.#askForOne(this.#sizes).finally(() => this.#requests.delete(request))
      this.#requests.add(request)
    }
  }

  async #askForOne(sizes: readonly number[]): Promise<void> {
    this.#coming += 1
    const results = await Promise.allSettled(sizes.map(size => createBuffer(this.#connection, size)))
    const made = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    for (const { id } of made) this.#guard?.handedOut(id)
    if (sizes === this.#sizes) this.#coming -= 1
    if (sizes === this.#sizes && !this.#closed && made.length === sizes.length) this.#ready.push(made)
    else await this.#free(made)
  }

  async #release(): Promise<void> {
    const unused = this.#ready.flat()
    this.#ready = []
    this.#coming = 0
    this.#sizes = []
    await this.#free(unused)
  }

  async #free(payloads: readonly Payload[]): Promise<void> {
    await dropBlobs(this.#connection, payloads)
    this.#guard?.settled(payloads.map(({ id }) => id))
  }
}

function isSame(some: readonly number[], others: readonly number[]): boolean {
  return some.length === others.length && some.every((size, index) => size === others[index])
}
