import { abortable } from '../abort.js'
import type { Payload } from '../protocol/payload.js'
import { allocateBlobs } from './blob-allocation.js'
import type { Connection } from './connection.js'
import type { Counters } from './counters.js'
import { giveBackBlobs } from './requests/blobs.js'

/** Memory that is taken ahead of need: this many bytes, or this share of the server, or this many slots. */
const aheadBytes = 8 * 2 ** 20
const aheadShare = 1 / 64
const aheadSlots = 16
/** A writer that has run out grows these limits up to so many times. */
const largestGrowth = 4
/** A slot may be this much larger than what goes into it, where it need not fit exactly. */
const largestWaste = 1 / 8
/** One slot is taken ahead up to this share of the server: it is made while the one before is filled. */
const singleShare = 1 / 16

/** How many slots of which size are wanted: part of a write_chunks_request (lib/protocol/extension.ts). */
export type SlotsWanted = [count: number, size: number]

/**
 * Unsealed blobs of one size that a writer has in advance: they come with the replies to what it writes, so that a chunk costs
 * no request for memory of its own. They are scoped: the store frees what is left when the connection closes.
 */
export class SlotPool {
  readonly #connection: Connection
  readonly #memoryLimit: number
  readonly #counters: Counters
  #free: Payload[] = []
  #size = 0
  #growth = 1
  /** The slots that were asked for, and who waits for them. */
  #coming: { size: number; arrived: Promise<void>; end: () => void } | undefined

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
    return this.#free.pop()
  }

  /** Where `take` had none: a slot that is on its way, or one that is made for `size` bytes; waits for memory. */
  async waitFor(size: number, exact: boolean, signal: AbortSignal): Promise<Payload> {
    if (this.#coming?.size === this.#size) {
      this.#growth = Math.min(2 * this.#growth, largestGrowth)
      await abortable(this.#coming.arrived, signal)
      const come = this.take(size, exact)
      if (come !== undefined) return come
    }
    const [made] = await allocateBlobs(this.#connection, [size], {
      wait: true,
      scoped: true,
      signal,
      counters: this.#counters
    })
    return made as Payload
  }

  /** What is to be asked for with the next request, if anything. `arrived` must be called with what came of it. */
  want(): SlotsWanted | undefined {
    const size = this.#size
    const count = this.#count - this.#free.length
    if (this.#coming !== undefined || size === 0 || 2 * count < this.#count) return undefined
    let end = (): void => {}
    const arrived = new Promise<void>(resolve => (end = resolve))
    this.#coming = { size, arrived, end }
    return [count, size]
  }

  /** The slots that were asked for, as many as there was memory for. */
  arrived(slots: readonly Payload[]): void {
    const coming = this.#coming
    this.#coming = undefined
    if (coming?.size === this.#size) this.#free.push(...slots)
    else this.#giveBack(slots)
    coming?.end()
  }

  /** Gives back what is in advance: somebody needs the memory more. */
  giveUpUnused(): void {
    this.#giveBack(this.#free)
    this.#free = []
    this.#size = 0
    this.#growth = 1
  }

  /** By a message: a request would stand behind the one that waits for this very memory. */
  #giveBack(slots: readonly Payload[]): void {
    giveBackBlobs(
      this.#connection,
      slots.map(({ id }) => id)
    )
  }

  get #count(): number {
    const bytes = Math.min(aheadBytes, this.#memoryLimit * aheadShare) * this.#growth
    const count = Math.min(aheadSlots, Math.floor(bytes / Math.max(1, this.#size)))
    return count === 0 && this.#size <= this.#memoryLimit * singleShare ? 1 : count
  }
}
