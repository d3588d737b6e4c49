import { isBlobId } from '../protocol/ids.js'
import type { Block } from './allocator.js'
import type { Blob } from './blob.js'
import type { Blobs } from './blobs.js'
import type { CompactChunks } from './compact-chunks.js'
import type { Metadata } from './metadata.js'
import type { ObjectRecord } from './object-record.js'
import type { Chunk } from './streams/stream.js'

/** What happens to a blob when chunks are deleted. */
interface Loss {
  deleted: boolean
  /** How many of those that share its memory go. */
  parts: number
}

/** Finds out which memory the deletion of chunks would free, without deleting anything. */
export class WouldFree {
  readonly #blobs: Blobs
  readonly #metadata: Metadata
  readonly #compact: CompactChunks
  readonly #losses = new Map<Blob, Loss>()

  constructor(blobs: Blobs, metadata: Metadata, compact: CompactChunks) {
    this.#blobs = blobs
    this.#metadata = metadata
    this.#compact = compact
  }

  /** This chunk goes, too. */
  add({ id, block }: Chunk): void {
    if (block) this.#lossOf(block).parts += 1
    const compact = this.#compact.find(id)
    if (isBlobId(id)) this.#blob(this.#blobs.find(id))
    else if (compact?.shared) this.#lossOf(compact.blob).parts += 1
    else if (compact) this.#blob(compact.blob)
    else this.#object(this.#metadata.peek(id), 0)
  }

  /** The memory: not what somebody has a lease on, still fills, or shares with what stays. */
  blocks(): Set<Block> {
    const blocks = new Set<Block>()
    for (const [blob, loss] of [...this.#losses]) {
      if (blob.whole && isFree(blob, loss)) this.#lossOf(blob.whole.blob).parts += 1
    }
    for (const [blob, loss] of this.#losses) if (!blob.whole && isFree(blob, loss)) blocks.add(blob.block)
    return blocks
  }

  #lossOf(blob: Blob): Loss {
    let loss = this.#losses.get(blob)
    if (!loss) this.#losses.set(blob, (loss = { deleted: false, parts: 0 }))
    return loss
  }

  #blob(blob: Blob | undefined): void {
    if (blob) this.#lossOf(blob).deleted = true
  }

  /** An object goes with what nobody else owns. */
  #object(record: ObjectRecord | undefined, owners: number): void {
    if (!record || record.owners.size > owners) return
    for (const id of record.blobs) {
      if (this.#metadata.blobOwners(id)?.size === 1) this.#blob(this.#blobs.find(id))
    }
    for (const member of record.members) this.#object(member, 1)
  }
}

function isFree(blob: Blob, { deleted, parts }: Loss): boolean {
  return (deleted || blob.deleted) && blob.leases === 0 && !blob.creator && blob.parts <= parts
}
