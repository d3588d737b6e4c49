import { isBlobId, type ObjectId } from '../protocol/ids.js'
import { Blobs } from './blobs.js'
import { CompactChunks } from './compact-chunks.js'
import type { DeletionOptions } from './deletion.js'
import { HeapShare } from './heap-share.js'
import { IdGenerator } from './id-generator.js'
import { MemoryQueue, type MemoryRequest } from './memory-queue.js'
import { Metadata } from './metadata.js'
import { Names } from './names.js'
import type { ObjectRecord } from './object-record.js'
import type { Peer } from './peer.js'
import type { Pool } from './pool.js'
import { PoolBytes } from './pool-bytes.js'
import type { Chunk } from './streams/stream.js'
import { Streams } from './streams/streams.js'
import { Waits } from './waits.js'
import { WouldFree } from './would-free.js'

/** The store without its connections: memory, metadata, names and streams, and what they do to each other. */
export class Engine {
  readonly poolFd: number
  readonly bytes: PoolBytes
  readonly blobs: Blobs
  readonly metadata: Metadata
  readonly names: Names
  readonly streams: Streams
  readonly compact: CompactChunks
  readonly memory: MemoryQueue
  readonly heap: HeapShare
  /** The connections that there are. */
  readonly peers = new Set<Peer>()
  #connected = 0
  /** Requests so far: all, and those answered with an error at once. */
  readonly requests = { handled: 0, refused: 0 }
  /** Requests that wait for objects and blobs, by id. */
  readonly objectWaits = new Waits()
  /** Requests that wait for names. */
  readonly nameWaits = new Waits()

  /** `maxBlobs` is that of `Blobs` unless given. */
  constructor(pool: Pool, poolFd: number, heap = new HeapShare(), maxBlobs?: number) {
    this.poolFd = poolFd
    this.heap = heap
    this.bytes = new PoolBytes(poolFd, pool.size)
    const ids = new IdGenerator()
    this.blobs = new Blobs(pool, ids, maxBlobs)
    this.memory = new MemoryQueue(this.blobs)
    this.metadata = new Metadata(ids, id => this.blobs.find(id)?.size ?? 0, heap)
    this.compact = new CompactChunks(this.blobs, this.metadata, this.bytes, heap)
    this.metadata.makeLazily = id => this.compact.materialise(id)
    this.names = new Names(this.metadata, heap)
    this.streams = new Streams(
      this.blobs,
      this.metadata,
      this.memory,
      (chunk, reader) => this.deleteChunk(chunk, reader),
      (chunks, request) => this.#wouldFit(chunks, request),
      heap
    )
    this.streams.writing.onPushed = id => this.unscopeObject(this.metadata.find(id))
    this.memory.onWait = () => this.blobs.askForMemory()
    this.blobs.onFreed = () => this.memory.freed()
    this.blobs.onReleased = () => this.memory.reconsider()
    this.blobs.onCreated = id => this.objectWaits.arrived(id)
    this.blobs.mayWaitForReaders = () => this.streams.table.consumable && !this.memory.stalled
    this.metadata.onCreated = record => {
      for (const member of record.members) this.unscopeObject(member)
      for (const id of record.blobs) {
        const blob = this.blobs.find(id)
        if (blob?.scope) this.blobs.unscope(blob)
      }
      this.objectWaits.arrived(record.id)
    }
    this.names.onPut = name => this.nameWaits.arrived(name)
  }

  /** Deletes objects and blobs. Returns the ids of the blobs that are gone. Throws 41 as `Metadata.find` does, unless `deep`. */
  delete(ids: readonly ObjectId[], options: DeletionOptions, by?: Peer, reader?: Peer): ObjectId[] {
    const left = options.deep ? ids.filter(id => !this.compact.delete(id)) : ids
    // The members of a chunk would stay: they are made, before anything is deleted.
    for (const id of left) this.metadata.find(id)
    const blobIds = this.metadata.delete(left, options)
    for (const id of blobIds) this.deleteBlob(id, by, reader)
    return blobIds
  }

  /** Deletes a blob whoever uses it. Returns false if there is none. */
  deleteBlob(id: ObjectId, by?: Peer, reader?: Peer): boolean {
    const blob = this.blobs.find(id)
    if (blob) this.blobs.delete(blob, by, reader)
    else if (by) this.blobs.letGoDeleted(by, id)
    return blob !== undefined
  }

  /** Deletes a chunk of a stream as a pull does: a blob at once, an object with its members and blobs. */
  deleteChunk({ id, block }: Chunk, reader?: Peer): void {
    if (isBlobId(id)) this.deleteBlob(id, undefined, reader)
    else if (!this.compact.delete(id)) this.delete([id], { force: false, deep: true }, undefined, reader)
    if (block) this.blobs.unshare(block)
  }

  #wouldFit(chunks: readonly Chunk[], { bytes, stretch = bytes, spare = 0 }: MemoryRequest): boolean {
    const freed = new WouldFree(this.blobs, this.metadata, this.compact)
    for (const chunk of chunks) freed.add(chunk)
    return this.blobs.wouldFit(freed.blocks(), bytes + spare, stretch)
  }

  /** Deletes all objects and blobs. Names and streams stay, as they do upstream. */
  clear(by: Peer): void {
    const ids: ObjectId[] = []
    this.compact.clear()
    for (const record of this.metadata.all()) ids.push(record.id)
    for (const blob of this.blobs.all()) ids.push(blob.id)
    this.delete(ids, { force: true, deep: false }, by)
  }

  /** The end of `peer` deletes this object, unless something takes it over before. */
  scopeObject(record: ObjectRecord, peer: Peer): void {
    record.scope = peer
    peer.scopedObjects.add(record)
  }

  /** Something has taken the object over. */
  unscopeObject(record: ObjectRecord | undefined): void {
    record?.scope?.scopedObjects.delete(record)
    if (record) record.scope = undefined
  }

  /** A connection has been made; `pid` is the process behind it where that can be told. */
  connect(peer: Peer, pid: number | undefined): void {
    this.#connected += 1
    peer.number = this.#connected
    peer.pid = pid
    this.peers.add(peer)
  }

  /** A connection has ended. */
  disconnect(peer: Peer): void {
    this.peers.delete(peer)
    peer.closed = true
    this.retire(peer)
    this.blobs.disconnect(peer)
  }

  /** A connection will do nothing any more but give leases back. */
  retire(peer: Peer): void {
    this.streams.disconnect(peer)
    for (const record of [...peer.scopedObjects]) this.delete([record.id], { force: false, deep: true }, peer)
    peer.scopedObjects.clear()
    this.blobs.retire(peer)
  }
}
