import type { Blob } from './blob.js'
import type { Peer } from './peer.js'

/**
 * Memory of chunks that a foreign connection pulled and left behind. Such a reader never says that it has finished with
 * a chunk, and looks at it through its mapping; upstream recycles the memory at once, under its eyes. Here the newest of
 * them stay until they keep `limit` bytes, oldest given up first, or until the connection closes. A small chunk in a block
 * keeps all of the block.
 */
export class KeptChunks {
  readonly #limit: number
  readonly #free: (blob: Blob) => void
  readonly #readers = new Map<Blob, Peer>()
  /** What owns the memory, with how many of its parts are kept. */
  readonly #owners = new Map<Blob, number>()
  #bytes = 0

  /** `free` is called for a blob whose memory is no longer kept. */
  constructor(limit: number, free: (blob: Blob) => void) {
    this.#limit = limit
    this.#free = free
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#readers.size
  }

  add(blob: Blob, peer: Peer): void {
    blob.kept = true
    this.#readers.set(blob, peer)
    peer.kept.add(blob)
    const { owner } = blob
    const parts = this.#owners.get(owner) ?? 0
    this.#owners.set(owner, parts + 1)
    if (parts === 0) this.#bytes += owner.size
    while (this.#bytes > this.#limit) this.giveUpOldest()
  }

  giveUpOldest(): void {
    for (const blob of this.#readers.keys()) {
      this.#drop(blob)
      return
    }
  }

  /** The connection is gone, and its mappings with it. */
  release(peer: Peer): void {
    for (const blob of peer.kept) this.#drop(blob)
  }

  #drop(blob: Blob): void {
    this.#readers.get(blob)?.kept.delete(blob)
    this.#readers.delete(blob)
    const { owner } = blob
    const parts = (this.#owners.get(owner) as number) - 1
    if (parts > 0) {
      this.#owners.set(owner, parts)
    } else {
      this.#owners.delete(owner)
      this.#bytes -= owner.size
    }
    blob.kept = false
    this.#free(blob)
  }
}
