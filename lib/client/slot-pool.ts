import type { Payload } from '../protocol/payload.js'
import { allocateBlobs, dropBlobs } from './blob-allocation.js'
import type { Connection } from './connection.js'
import type { Counters } from './counters.js'

/** Memory that is taken ahead of need: this many bytes, or this share of the server, or this many slots. */
const aheadBytes = 8 * 2 ** 20
const aheadShare = 1 / 64
const aheadSlots = 16
/** A slot may be this much larger than what goes into it, where it need not fit exactly. */
const largestWaste = 1 / 8
/** One slot is taken ahead up to this share of the server: the request for it overlaps with filling the one before. */
const singleShare = 1 / 16

/**
 * Unsealed blobs of one size that a writer has in advance, so that writing a chunk costs no round trip of its own. They
 * are scoped: the store frees what is left when the connection closes.
 */
export class SlotPool {
  readonly #connection: Connection
  readonly #memoryLimit: number
  readonly #counters: Counters
  #free: Payload[] = []
  #size = 0
  #fetching = false

  constructor(connection: Connection, memoryLimit: number, counters: Counters) {
    this.#connection = connection
    this.#memoryLimit = memoryLimit
    this.#counters = counters
  }

  /** A slot of at least `size` bytes, or exactly so many, that is there already. */
  take(size: number, exact: boolean): Payload | undefined {
    if (size > this.#size || size < this.#size * (exact ? 1 : 1 - largestWaste)) {
      this.giveUpUnused()
      this.#size = size
    }
    const slot = this.#free.pop()
    if (this.#free.length <= this.#count / 2) this.#fetch()
    return slot
  }

  /** A slot made for `size` bytes; waits for memory. */
  async make(size: number, signal: AbortSignal): Promise<Payload> {
    const [slot] = await allocateBlobs(this.#connection, [size], {
      wait: true,
      scoped: true,
      signal,
      counters: this.#counters
    })
    return slot as Payload
  }

  /** Gives back what is in advance: somebody needs the memory more. */
  giveUpUnused(): void {
    void dropBlobs(this.#connection, this.#free)
    this.#free = []
    this.#size = 0
  }

  get #count(): number {
    const bytes = Math.min(aheadBytes, this.#memoryLimit * aheadShare)
    const count = Math.min(aheadSlots, Math.floor(bytes / Math.max(1, this.#size)))
    return count === 0 && this.#size <= this.#memoryLimit * singleShare ? 1 : count
  }

  /** Never waits for memory: what stands behind it on the connection may be what frees some. */
  #fetch(): void {
    const size = this.#size
    const count = this.#count - this.#free.length
    if (this.#fetching || count < 1 || size === 0) return
    this.#fetching = true
    allocateBlobs(this.#connection, Array<number>(count).fill(size), { wait: false, scoped: true }).then(
      slots => {
        this.#fetching = false
        if (size === this.#size) this.#free.push(...slots)
        else void dropBlobs(this.#connection, slots)
      },
      () => {
        // Full at the moment, or the connection is gone: whoever needs a slot will see.
        this.#fetching = false
      }
    )
  }
}
