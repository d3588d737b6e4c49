import type { Blob } from './blob.js'
import type { Peer } from './peer.js'

/**
 * Memory of chunks that a foreign connection pulled and left behind. Such a reader never says that it has finished with
 * a chunk, and looks at it through its mapping; upstream recycles the memory at once, under its eyes. Here the newest of
 * them stay until `limit` bytes, oldest given up first, or until the connection closes.
 */
export class KeptChunks {
  readonly #limit: number
  readonly #free: (blob: Blob) => void
  readonly #owners = new Map<Blob, Peer>()
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
    return this.#owners.size
  }

  add(blob: Blob, peer: Peer): void {
    blob.kept = true
    this.#owners.set(blob, peer)
    peer.kept.add(blob)
    this.#bytes += blob.size
    while (this.#bytes > this.#limit) this.giveUpOldest()
  }

  giveUpOldest(): void {
    for (const blob of this.#owners.keys()) {
      this.#drop(blob)
      return
    }
  }

  /** The connection is gone, and its mappings with it. */
  release(peer: Peer): void {
    for (const blob of peer.kept) this.#drop(blob)
  }

  #drop(blob: Blob): void {
    this.#owners.get(blob)?.kept.delete(blob)
    this.#owners.delete(blob)
    this.#bytes -= blob.size
    blob.kept = false
    this.#free(blob)
  }
}
