import type { Payload } from '../protocol/payload.js'
import { allocateBlobs, dropBlobs } from './blob-allocation.js'
import type { Connection } from './connection.js'
import type { Counters } from './counters.js'

/** Memory that is taken ahead of need: this many bytes, or this many slots. */
const aheadBytes = 256 * 2 ** 10
const aheadSlots = 32
/** A slot may be this much larger than what goes into it. */
const largestWaste = 1 / 8

/**
 * Unsealed blobs that a writer has in advance, so that writing a small chunk costs no round trip of its own. They are
 * scoped: the store frees what is left when the connection closes.
 */
export class SlotPool {
  readonly #connection: Connection
  readonly #counters: Counters
  #free: Payload[] = []
  #size = 0
  #fetching = false

  constructor(connection: Connection, counters: Counters) {
    this.#connection = connection
    this.#counters = counters
  }

  /** A slot of at least `size` bytes, or exactly so many, that is there already. */
  take(size: number, exact: boolean): Payload | undefined {
    if (size > this.#size || size < this.#size * (exact ? 1 : 1 - largestWaste)) {
      void dropBlobs(this.#connection, this.#free)
      this.#free = []
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

  get #count(): number {
    return Math.min(aheadSlots, Math.floor(aheadBytes / Math.max(1, this.#size)))
  }

  /** Never waits for memory: what stands behind it on the connection may be what frees some. */
  #fetch(): void {
    const size = this.#size
    const count = this.#count - this.#free.length
    if (this.#fetching || count < 1) return
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
