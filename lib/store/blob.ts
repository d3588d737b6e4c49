import { type ObjectId, objectIdToDecimal } from '../protocol/ids.js'
import { alignment, type Block } from './allocator.js'
import type { Peer } from './peer.js'

/** One blob: an immutable stretch of the pool once it has been sealed. */
export class Blob {
  /** The id as requests and replies write it. */
  readonly decimal: string
  sealed = false
  /** No id leads here any more; the memory may still be held by leases or its creator, or kept for a foreign reader. */
  deleted = false
  /** How many leases all connections together have. */
  leases = 0
  /** Its bytes are arriving through a connection, which writes into its memory. */
  filling = false
  /** Kept for a reader that cannot say when it has finished; see KeptChunks. */
  kept = false
  /** When it was made, as far as the queue for memory has to know. */
  epoch = -1
  /** The connection that made it and may be writing to it, until it seals it, gives it up, or ends. */
  creator: Peer | undefined
  /** The connection whose end frees it, unless an object or a stream takes it over before. */
  scope: Peer | undefined
  /** Connections that hold a reference in upstream's sense. */
  readonly holders = new Set<Peer>()
  /** Blobs that were cut out of this one and share its memory, which stays until they are gone. */
  parts = 0
  /** The last reference has been given back. A blob that nobody has referred to yet counts as used. */
  cold = false

  constructor(
    readonly id: ObjectId,
    public size: number,
    readonly block: Block,
    /** The blob this one was cut out of, which owns the memory, and where in it this one begins, in bytes. */
    readonly whole?: { blob: Blob; at: number }
  ) {
    this.decimal = objectIdToDecimal(id)
  }

  /** What its memory belongs to: a part keeps all of it. */
  get owner(): Blob {
    return this.whole?.blob.owner ?? this
  }

  /** Where the blob begins in the pool, in bytes. */
  get offset(): number {
    return this.block.offset * alignment + (this.whole?.at ?? 0)
  }
}
