import type { ObjectId } from '../protocol/ids.js'
import { allocateBlobs, dropBlobs } from './blob-allocation.js'
import type { Connection } from './connection.js'
import { WritableMemory } from './writable-memory.js'

const largestBlock = 256 * 2 ** 10
const smallestBlock = 4096
/** A block is at most this share of the server. */
const shareOfServer = 1 / 128
/** Larger chunks get a blob of their own: they would waste the end of a block, and keep all of it from being reused. */
const chunksInBlock = 8
/** Chunks begin at multiples of this. */
const alignment = 64

/** A place for one chunk. */
export interface Place {
  memory: WritableMemory
  at: number
}

/**
 * Blocks of memory that a writer has in advance and puts small chunks into, side by side: neither a request nor a blob
 * for each. The store frees what is left of them when the connection closes.
 */
export class BlockPool {
  readonly #connection: Connection
  readonly #blockSize: number
  #current: WritableMemory | undefined
  #next: WritableMemory | undefined
  #fetching: Promise<void> | undefined
  #done: ObjectId[] = []
  #closed = false

  constructor(connection: Connection, memoryLimit: number) {
    this.#connection = connection
    const share = 2 ** Math.floor(Math.log2(Math.max(1, memoryLimit * shareOfServer)))
    this.#blockSize = Math.max(smallestBlock, Math.min(largestBlock, share))
  }

  /** Whether a chunk of `size` bytes is small enough for a block. */
  suits(size: number): boolean {
    return size <= this.#blockSize / chunksInBlock
  }

  /** Whether a chunk of `size` bytes has a place now. */
  hasRoom(size: number): boolean {
    const { used = Infinity } = this.#current ?? {}
    return used + size <= this.#blockSize || this.#next !== undefined
  }

  /** A place for `size` bytes that is there already. */
  take(size: number): Place | undefined {
    let memory = this.#current
    if (memory === undefined || memory.used + size > this.#blockSize) {
      this.#finishCurrent()
      memory = this.#current = this.#next
      this.#next = undefined
      if (memory === undefined) {
        this.#fetch()
        return undefined
      }
    }
    const at = memory.used
    memory.used += Math.ceil(size / alignment) * alignment
    if (this.#next === undefined && memory.used > this.#blockSize / 2) this.#fetch()
    return { memory, at }
  }

  /** Resolves when a block has come, or cannot be had now. */
  async ready(): Promise<void> {
    this.#fetch()
    await this.#fetching
  }

  /** Blocks that nothing more will be put into, for the store to be told with the next chunks. */
  takeDone(): ObjectId[] {
    const done = this.#done
    if (done.length > 0) this.#done = []
    return done
  }

  /** Gives up what nothing has been put into: somebody needs the memory more. */
  giveUpUnused(): void {
    for (const memory of [this.#next, this.#current]) {
      if (memory === undefined || memory.used > 0) continue
      if (memory === this.#next) this.#next = undefined
      else this.#current = undefined
      memory.close()
      void dropBlobs(this.#connection, [memory.payload])
    }
  }

  /** Ends the access to the memory; the blobs go with the connection. */
  close(): void {
    this.#closed = true
    this.#current?.close()
    this.#next?.close()
    this.#current = this.#next = undefined
  }

  #finishCurrent(): void {
    if (this.#current === undefined) return
    this.#done.push(this.#current.payload.id)
    this.#current.close()
    this.#current = undefined
  }

  /** Never waits for memory: what stands behind it on the connection may be what frees some. */
  #fetch(): void {
    if (this.#fetching !== undefined || this.#next !== undefined || this.#closed) return
    this.#fetching = allocateBlobs(this.#connection, [this.#blockSize], { wait: false, scoped: true }).then(
      ([payload]) => {
        this.#fetching = undefined
        if (payload !== undefined && !this.#closed) this.#next = new WritableMemory(this.#connection, payload)
      },
      () => {
        // Full at the moment, or the connection is gone: whoever needs a place will see.
        this.#fetching = undefined
      }
    )
  }
}
