import { native } from '../native.js'
import type { ObjectId } from '../protocol/ids.js'
import { allocateBlobs } from './blob-allocation.js'
import type { Connection } from './connection.js'
import { giveBackBlobs } from './requests/blobs.js'
import { WritableMemory } from './writable-memory.js'

const largestBlock = 256 * 2 ** 10
const smallestBlock = 4096
/** A block is at most this share of the server. */
const shareOfServer = 1 / 128
/** Chunks that there is to be room for in advance, in at most so many blocks. */
const chunksAhead = 64
const blocksAhead = 4
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
  /** Blocks that nothing has been put into. */
  #ahead: WritableMemory[] = []
  #fetching: Promise<void> | undefined
  #done: ObjectId[] = []
  #closed = false

  constructor(connection: Connection, memoryLimit: number) {
    this.#connection = connection
    const share = 2 ** Math.floor(Math.log2(Math.max(1, memoryLimit * shareOfServer)))
    this.#blockSize = Math.max(smallestBlock, Math.min(largestBlock, share))
  }

  /** Whether a chunk of `size` bytes is small enough for a block. Without views of shared memory nothing can stay in one. */
  suits(size: number): boolean {
    return !native.viewsForbidden && size <= this.#blockSize / chunksInBlock
  }

  /** Whether a chunk of `size` bytes has a place now. */
  hasRoom(size: number): boolean {
    const { used = Infinity } = this.#current ?? {}
    return used + size <= this.#blockSize || this.#ahead.length > 0
  }

  /** A place for `size` bytes that is there already. */
  take(size: number): Place | undefined {
    let memory = this.#current
    if (memory === undefined || memory.used + size > this.#blockSize) {
      this.#finishCurrent()
      memory = this.#current = this.#ahead.pop()
      if (memory === undefined) {
        this.#fetch(1)
        return undefined
      }
    }
    const at = memory.used
    memory.used += Math.ceil(size / alignment) * alignment
    const wanted = Math.min(blocksAhead, Math.ceil((chunksAhead * size) / this.#blockSize))
    if (this.#ahead.length <= wanted / 2 && memory.used > this.#blockSize / 2) this.#fetch(wanted)
    return { memory, at }
  }

  /** Resolves when a block has come, or cannot be had now. */
  async ready(): Promise<void> {
    this.#fetch(1)
    await this.#fetching
  }

  /** Blocks that nothing more will be put into, for the store to be told with the next chunks. */
  takeDone(): ObjectId[] {
    const done = this.#done
    if (done.length > 0) this.#done = []
    return done
  }

  /**
   * Gives up what nothing has been put into: somebody needs the memory more. And, where the store has `all` that was put into
   * blocks, those too: it keeps their memory until the last chunk there is gone, and no longer.
   */
  giveUpUnused(all: boolean): void {
    const unused = this.#ahead
    this.#ahead = []
    if (this.#current?.used === 0) {
      unused.push(this.#current)
      this.#current = undefined
    }
    if (all) this.#finishCurrent()
    for (const memory of unused) memory.close()
    const ids = unused.map(({ payload }) => payload.id)
    giveBackBlobs(this.#connection, all ? [...this.takeDone(), ...ids] : ids)
  }

  /** Ends the access to the memory; the blobs go with the connection. */
  close(): void {
    this.#closed = true
    this.#current?.close()
    for (const memory of this.#ahead) memory.close()
    this.#current = undefined
    this.#ahead = []
  }

  #finishCurrent(): void {
    if (this.#current === undefined) return
    this.#done.push(this.#current.payload.id)
    this.#current.close()
    this.#current = undefined
  }

  /** Never waits for memory: what stands behind it on the connection may be what frees some. */
  #fetch(wanted: number): void {
    const count = wanted - this.#ahead.length
    if (this.#fetching !== undefined || count < 1 || this.#closed) return
    const sizes = Array<number>(count).fill(this.#blockSize)
    this.#fetching = allocateBlobs(this.#connection, sizes, { wait: false, ahead: true, scoped: true }).then(
      payloads => {
        this.#fetching = undefined
        if (this.#closed) return
        for (const payload of payloads) this.#ahead.push(new WritableMemory(this.#connection, payload))
      },
      () => {
        // Full at the moment, or the connection is gone: whoever needs a place will see.
        this.#fetching = undefined
      }
    )
  }
}
