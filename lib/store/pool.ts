import { Allocator, type Block, alignment } from './allocator.js'

export const pageSize = 4096
/** Pages are asked from the system in runs of this many, so that small blobs do not cost a system call each. */
const granule = 64

/** What the pool needs from the system; the addon in the server, a fake in unit tests. */
export interface Pages {
  /** Makes the pages of a range exist. Throws where the system has none left. */
  reserve(offset: number, length: number): void
  /** Gives the pages of a range back. */
  punchHole(offset: number, length: number): void
}

/**
 * The shared memory that blobs live in: an allocator, and which of its pages exist. A page is reserved when a block first
 * covers it, so that a machine without memory gives an error here and not a SIGBUS in whoever writes to the blob.
 */
export class Pool {
  readonly size: number
  readonly #allocator: Allocator
  readonly #pages: Pages
  /** One byte per page, 1 where it has been reserved. */
  readonly #reserved: Uint8Array

  /** `size` in bytes, a multiple of the page size. */
  constructor(size: number, pages: Pages) {
    this.size = size
    this.#pages = pages
    this.#allocator = new Allocator(size)
    this.#reserved = new Uint8Array(size / pageSize)
  }

  /** Bytes in blocks, with what alignment adds. */
  get used(): number {
    return this.#allocator.used
  }

  /** Memory for `bytes` (> 0), or undefined where there is none: in the pool, or in the system. */
  allocate(bytes: number): Block | undefined {
    const block = this.#allocator.allocate(bytes)
    if (!block) return undefined
    try {
      this.#reserve(block.offset * alignment, block.size * alignment)
    } catch {
      this.#allocator.free(block)
      return undefined
    }
    return block
  }

  free(block: Block): void {
    this.#allocator.free(block)
  }

  shrink(block: Block, bytes: number): void {
    this.#allocator.shrink(block, bytes)
  }

  /** Whether there would be so much memory if these blocks were freed, `stretch` bytes of it in one piece. */
  wouldFit(freed: ReadonlySet<Block>, bytes: number, stretch: number): boolean {
    return this.#allocator.wouldFit(freed, bytes, stretch)
  }

  /** Gives the pages that no block uses back to the system. Returns how many bytes that were. */
  trim(): number {
    let freed = 0
    for (const { offset, length } of this.#allocator.freeRanges())
      freed += this.#punch(offset, offset + length)
    return freed
  }

  #reserve(offset: number, length: number): void {
    const first = Math.floor(offset / pageSize)
    const end = Math.ceil((offset + length) / pageSize)
    let page = first
    for (;;) {
      const missing = this.#reserved.subarray(page, end).indexOf(0)
      if (missing < 0) return
      const from = page + missing
      const known = this.#reserved.subarray(from, end).indexOf(1)
      let to = known < 0 ? end : from + known
      if (known < 0) {
        // Up to the end of the granule, as far as those pages are missing too.
        const limit = Math.min(Math.ceil(to / granule) * granule, this.#reserved.length)
        while (to < limit && this.#reserved[to] === 0) to += 1
      }
      this.#pages.reserve(from * pageSize, (to - from) * pageSize)
      this.#reserved.fill(1, from, to)
      page = to
      if (page >= end) return
    }
  }

  #punch(from: number, to: number): number {
    const end = Math.floor(to / pageSize)
    let freed = 0
    let page = Math.ceil(from / pageSize)
    while (page < end) {
      const found = this.#reserved.subarray(page, end).indexOf(1)
      if (found < 0) break
      const start = page + found
      const gap = this.#reserved.subarray(start, end).indexOf(0)
      page = gap < 0 ? end : start + gap
      this.#pages.punchHole(start * pageSize, (page - start) * pageSize)
      this.#reserved.fill(0, start, page)
      freed += (page - start) * pageSize
    }
    return freed
  }
}
