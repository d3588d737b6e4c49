import { getHeapStatistics } from 'node:v8'
import { Status } from '../errors.js'
import { emptyBlobId, invalidId, type ObjectId } from '../protocol/ids.js'
import type { Block } from './allocator.js'
import { Blob } from './blob.js'
import type { IdGenerator } from './id-generator.js'
import { KeptChunks } from './kept-chunks.js'
import type { Peer } from './peer.js'
import type { Pool } from './pool.js'
import { RequestError } from './request-error.js'

/** Share of the store that chunks of foreign readers may keep after they were left behind. */
const keptShare = 1 / 8
/** What a blob may take of V8's heap: three times what it does. */
const heapBytesOfBlob = 2048
/** References to what does not exist are remembered up to so many of a connection; what comes beyond is hostile. */
const maxStrayReferences = 65_536

/**
 * All blobs: creation, sealing, leases and deletion. A deleted blob has no id any more; its memory goes back to the pool
 * when no lease holds it, no foreign reader may be looking at it, and its creator is not writing to it.
 */
export class Blobs {
  readonly #pool: Pool
  readonly #ids: IdGenerator
  readonly #maxCount: number
  readonly #byId = new Map<ObjectId, Blob>()
  readonly #kept: KeptChunks
  /** Blobs that are in memory, deleted or not. */
  #instances = 0
  #usage = 0
  #epoch = 0
  #young = 0
  #leasedBytes = 0

  /** Connections that have blobs in advance. */
  readonly #ahead = new Set<Peer>()

  /** Called when memory has gone back to the pool. */
  onFreed: () => void = () => {}
  /** Called when nobody holds a blob any more that exists: to delete it, or its parts, may free its memory now. */
  onReleased: () => void = () => {}
  /** Called for a blob that has just come into being. */
  onCreated: (id: ObjectId) => void = () => {}
  /** Whether a reader can free memory by going on: then nothing that is kept is given up for who can wait for it. */
  mayWaitForReaders: () => boolean = () => false

  /** `maxCount`: how many blobs there may be, each of which takes memory of this process, however small it is. */
  constructor(
    pool: Pool,
    ids: IdGenerator,
    maxCount = getHeapStatistics().heap_size_limit / heapBytesOfBlob
  ) {
    this.#pool = pool
    this.#maxCount = maxCount
    this.#ids = ids
    this.#kept = new KeptChunks(Math.floor(pool.size * keptShare), blob => this.#freeUnused(blob))
  }

  /** Sum of the sizes that were asked for, of all blobs whose memory is in use, deleted or not. */
  get usage(): number {
    return this.#usage
  }

  get limit(): number {
    return this.#pool.size
  }

  /** Of `usage`, what was taken since `beginEpoch`. */
  get young(): number {
    return this.#young
  }

  beginEpoch(): void {
    this.#epoch += 1
    this.#young = 0
  }

  /** Bytes in blobs that at least one connection has a lease on. */
  get leasedBytes(): number {
    return this.#leasedBytes
  }

  /** Bytes of memory that is kept for foreign readers. */
  get keptBytes(): number {
    return this.#kept.bytes
  }

  get count(): number {
    return this.#byId.size
  }

  /** Blobs in the order of their ids. */
  all(): IterableIterator<Blob> {
    return this.#byId.values()
  }

  /** Throws 41 where there may not be so many blobs more. */
  admit(count: number): void {
    if (this.#instances + count <= this.#maxCount) return
    throw new RequestError(Status.NotEnoughMemory, `there are ${this.#instances} blobs already`)
  }

  find(id: ObjectId): Blob | undefined {
    return this.#byId.get(id)
  }

  /** As upstream says it: true for the placeholder of the whole pool, false for the empty blob. */
  exists(id: ObjectId): boolean {
    return this.#byId.has(id) || id === invalidId
  }

  /** Whether less than `bound` bytes are in use: if need be after giving up what is kept for foreign readers. */
  reduceBelow(bound: number): boolean {
    if (this.#usage >= bound && this.#usage - this.#kept.bytes < bound && this.#givesUpKept('soon')) {
      while (this.#usage >= bound && this.#kept.size > 0) this.#kept.giveUpOldest()
    }
    return this.#usage < bound
  }

  /** Whether `footprint` bytes could be free, as far as sums can tell. */
  mayFit(footprint: number): boolean {
    return this.#kept.size > 0 || footprint <= this.#pool.size - this.#pool.used
  }

  /** Whether there would be so much memory if these blocks were freed, `stretch` bytes of it in one piece. */
  wouldFit(freed: ReadonlySet<Block>, bytes: number, stretch: number): boolean {
    return this.#pool.wouldFit(freed, bytes, stretch)
  }

  /**
   * A new unsealed blob of `size` (> 0) bytes, or undefined where there is no memory for it now. `need` says what becomes of
   * who gets none: it fails, waits, or does without.
   */
  create(size: number, creator: Peer, scoped: boolean, need: 'now' | 'soon' | 'perhaps'): Blob | undefined {
    const allocate = (): Block | undefined =>
      this.#instances < this.#maxCount ? this.#pool.allocate(size) : undefined
    let block = allocate()
    while (!block && this.#kept.size > 0 && this.#givesUpKept(need)) {
      this.#kept.giveUpOldest()
      block = allocate()
    }
    if (!block) return undefined
    this.#instances += 1
    const blob = new Blob(this.#ids.blob(), size, block)
    blob.epoch = this.#epoch
    this.#young += size
    this.#byId.set(blob.id, blob)
    this.#usage += size
    blob.creator = creator
    creator.fills.set(blob.id, blob)
    if (scoped) {
      blob.scope = creator
      creator.scoped.add(blob)
      // What is uploaded over TCP is in use at once, and such a connection cannot be asked.
      if (creator.extension > 0) this.#ahead.add(creator)
    }
    this.onCreated(blob.id)
    return blob
  }

  /**
   * Cuts sealed parts out of a blob, given as offset and size of each (size 0 is the empty blob). Returns their ids. The
   * memory of the whole stays until the last of them is gone.
   */
  split(whole: Blob, spans: readonly number[]): ObjectId[] {
    const ids: ObjectId[] = []
    for (let i = 0; i < spans.length; i += 2) {
      const size = spans[i + 1] as number
      ids.push(size === 0 ? emptyBlobId : this.part(whole, spans[i] as number, size).id)
    }
    return ids
  }

  /** A sealed blob that is part of one which goes on existing. */
  part(whole: Blob, at: number, size: number): Blob {
    const part = new Blob(this.#ids.blob(), size, whole.block, { blob: whole, at })
    part.sealed = true
    this.#instances += 1
    this.share(whole)
    this.#byId.set(part.id, part)
    this.onCreated(part.id)
    return part
  }

  /** Keeps the memory of a blob, whatever happens to the blob, until `unshare`. */
  share(whole: Blob): void {
    whole.parts += 1
  }

  unshare(whole: Blob): void {
    whole.parts -= 1
    this.#freeUnused(whole)
  }

  /** Idempotent; any connection may do it, but only the creator can say that it has finished writing. */
  seal(blob: Blob, by: Peer | undefined): void {
    blob.sealed = true
    if (blob.creator === by) this.letGo(blob)
  }

  /** The creator writes to it no more. */
  letGo(blob: Blob): void {
    if (blob.creator === undefined) return
    blob.creator.fills.delete(blob.id)
    blob.creator = undefined
    if (blob.deleted) this.unscope(blob)
    this.#freeUnused(blob)
    if (blob.parts > 0) this.onReleased()
  }

  /** The same for what others have deleted: the connection is about to hear that there is no such blob. */
  letGoDeleted(peer: Peer, id: ObjectId): void {
    const blob = peer.fills.get(id)
    if (blob?.deleted) this.letGo(blob)
  }

  /** Cuts an unsealed blob down. Throws 13 for a sealed one, 1 for a larger size, or where `by` is not all that uses it. */
  shrink(blob: Blob, size: number, by: Peer): void {
    if (blob.sealed) throw new RequestError(Status.ObjectSealed, 'a sealed blob cannot be shrunk')
    if (blob.filling) throw RequestError.invalid('a blob cannot be shrunk while its bytes arrive')
    if (blob.creator !== by)
      throw RequestError.invalid('a blob can only be shrunk by the connection that made it')
    if (blob.parts > 0 || blob.leases > 0)
      throw RequestError.invalid('a blob cannot be shrunk while others use it')
    if (size > blob.size) {
      throw RequestError.invalid(`a blob of ${blob.size} bytes cannot be shrunk to ${size} bytes`)
    }
    if (size === blob.size) return
    this.#pool.shrink(blob.block, Math.max(size, 1))
    this.#usage -= blob.size - size
    if (blob.epoch === this.#epoch) this.#young -= blob.size - size
    blob.size = size
    this.onFreed()
  }

  /** Whether somebody has blobs in advance. */
  get someAhead(): boolean {
    return this.#ahead.size > 0
  }

  /** Somebody waits for memory: whoever has some in advance is to give up what it does not use. */
  askForMemory(): void {
    for (const peer of this.#ahead) if (!peer.closed) peer.notify({ event: 'memory_wanted' })
  }

  /** The end of the connection no longer frees this blob. */
  unscope(blob: Blob): void {
    blob.scope?.scoped.delete(blob)
    if (blob.scope?.scoped.size === 0) this.#ahead.delete(blob.scope)
    blob.scope = undefined
  }

  /**
   * Deletes a blob whoever uses it. The memory stays while it is leased, while its creator may be writing to it unless that
   * is who deletes it, and is kept for `reader` if that is given: a foreign connection that may still look at it.
   */
  delete(blob: Blob, by?: Peer, reader?: Peer): void {
    if (blob.creator === by) this.letGo(blob)
    if (blob.deleted) return
    this.#byId.delete(blob.id)
    blob.deleted = true
    // While the creator has it, it is asked for it when memory is wanted.
    if (blob.creator === undefined) this.unscope(blob)
    for (const holder of blob.holders) holder.references.delete(blob.id)
    blob.holders.clear()
    if (reader) this.#kept.add(blob, reader)
    else this.#freeUnused(blob)
  }

  /** One more lease of `peer` on a blob. */
  lease(peer: Peer, blob: Blob): void {
    const lease = peer.leases.get(blob.id)
    if (lease) lease.count += 1
    else peer.leases.set(blob.id, { blob, count: 1 })
    if (blob.leases === 0) this.#leasedBytes += blob.size
    blob.leases += 1
  }

  /** Gives one lease of `peer` back. Unknown ids are ignored. */
  unlease(peer: Peer, id: ObjectId): void {
    const lease = peer.leases.get(id)
    if (!lease) return
    lease.count -= 1
    if (lease.count === 0) peer.leases.delete(id)
    this.#unlease(lease.blob, 1)
  }

  /** Remembers that the connection uses a blob, which only `is_in_use` and `release` ask for. */
  refer(peer: Peer, id: ObjectId): void {
    const blob = this.#byId.get(id)
    if (!blob && peer.references.size >= maxStrayReferences) return
    peer.references.add(id)
    if (!blob) return
    blob.holders.add(peer)
    blob.cold = false
  }

  /** Forgets it. Throws 2 if the connection holds nothing, 12 if it does not hold this. */
  unrefer(peer: Peer, id: ObjectId): void {
    if (peer.references.size === 0)
      throw new RequestError(Status.KeyError, 'the connection holds no references')
    if (!peer.references.delete(id)) {
      throw new RequestError(Status.ObjectNotExists, `the connection holds no reference to ${id}`)
    }
    this.#unrefer(peer, id)
  }

  /** Frees what ends with the connection: its leases, and blobs that nobody else can finish or has taken over. */
  disconnect(peer: Peer): void {
    for (const { blob, count } of peer.leases.values()) this.#unlease(blob, count)
    peer.leases.clear()
    this.#kept.release(peer)
    for (const id of peer.references) this.#unrefer(peer, id)
    peer.references.clear()
  }

  /** Deletes what the connection had not finished. */
  retire(peer: Peer): void {
    for (const blob of [...peer.fills.values(), ...peer.scoped]) {
      if (!blob.sealed || blob.scope === peer) this.delete(blob, peer)
      else this.letGo(blob)
    }
    peer.fillsFor.clear()
  }

  /** Gives the pages of free memory back to the system; returns how many bytes. */
  trim(): number {
    return this.#pool.trim()
  }

  #givesUpKept(need: 'now' | 'soon' | 'perhaps'): boolean {
    return need === 'now' || (need === 'soon' && !this.mayWaitForReaders())
  }

  #unrefer(peer: Peer, id: ObjectId): void {
    const blob = this.#byId.get(id)
    if (!blob?.holders.delete(peer)) return
    if (blob.holders.size === 0) blob.cold = true
  }

  #unlease(blob: Blob, count: number): void {
    blob.leases -= count
    if (blob.leases > 0) return
    this.#leasedBytes -= blob.size
    this.#freeUnused(blob)
    if (!blob.deleted || blob.parts > 0) this.onReleased()
  }

  #freeUnused(blob: Blob): void {
    if (!blob.deleted || blob.leases > 0 || blob.kept || blob.parts > 0 || blob.creator) return
    this.#instances -= 1
    if (blob.whole) {
      this.unshare(blob.whole.blob)
      return
    }
    this.#pool.free(blob.block)
    this.#usage -= blob.size
    if (blob.epoch === this.#epoch) this.#young -= blob.size
    this.onFreed()
  }
}
