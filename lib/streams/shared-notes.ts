import { allocateBlobs } from '../client/blob-allocation.js'
import type { Connection } from '../client/connection.js'
import type { Region } from '../memory/region.js'
import { isBlobId, objectIdFromBigInt, objectIdToBigInt, type ObjectId } from '../protocol/ids.js'
import { createNotes, namesMember } from './notes-object.js'
import type { Noted, ProducerNotes } from './producer-notes.js'

/** So many objects have a place in one object of notes: 4 KiB. */
const pageSlots = 256
/** An id, and what the object is: two little-endian integers of 64 bits. */
const slotBytes = 16
const emptySlot = new Uint8Array(slotBytes)
/** What is about to be put into a slot: one for all, because memory of its own for each costs more than the rest. */
const slotContent = new Uint8Array(slotBytes)
const slotView = new DataView(slotContent.buffer)
/** So many parts of queued chunks are named at most, in 64 KiB: 256 chunks of 7 columns, or 4096 blobs. */
const maxQueuedParts = 16 * pageSlots

/** What an object is: a part of a queued chunk, or a blob of the chunk with this number, or of an uncertain one. */
type Kind = 'queued' | number | undefined

const queuedWord = 2n ** 64n - 1n

/** The number of the chunk plus 1, or 0. */
function wordOf(kind: Kind): bigint {
  return kind === 'queued' ? queuedWord : BigInt(kind ?? -1) + 1n
}

/** Where an object is named. */
interface Slot {
  region: Region
  offset: number
}

/**
 * Notes in shared memory: naming an object takes no request. The memory is a blob that is never sealed: a server that spills
 * what is sealed to a disk would give the memory to somebody else.
 */
export class SharedNotes implements ProducerNotes {
  readonly ids: ObjectId[] = []
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #free: Slot[] = []
  readonly #named = new Map<ObjectId, Slot>()
  /** What waits for a further page. */
  readonly #unnamed = new Map<ObjectId, Kind>()
  /** Chunks that are named as queued, each as what it is made of, oldest first. */
  readonly #queued = new Set<readonly ObjectId[]>()
  #queuedParts = 0
  #growing: Promise<void> | undefined
  #closed = false

  private constructor(connection: Connection, stream: ObjectId) {
    this.#connection = connection
    this.#stream = stream
  }

  /** Rejects where there is no memory. */
  static async create(connection: Connection, stream: ObjectId): Promise<SharedNotes> {
    const notes = new SharedNotes(connection, stream)
    await notes.#addPage()
    return notes
  }

  add(blobs: readonly ObjectId[], chunk: number | undefined): void {
    this.#nameAll(blobs, chunk)
  }

  pushing(parts: readonly ObjectId[]): void {
    if (parts.length > maxQueuedParts) return
    // A consumer that lives needs to know of the blobs until the server has the chunk, with its number.
    this.#nameAll(
      parts.filter(part => !this.#named.has(part) && !this.#unnamed.has(part)),
      'queued'
    )
  }

  pushed(parts: readonly ObjectId[]): void {
    if (this.#isClosed) return
    if (parts.length > maxQueuedParts) return this.remove(parts)
    this.#queued.add(parts)
    this.#queuedParts += parts.length
    // The oldest have most likely been consumed: a window asks only when it is full.
    for (const oldest of this.#queued) {
      if (this.#queuedParts <= maxQueuedParts) break
      this.remove(oldest)
    }
    // The others have been named so before the push.
    this.#nameAll(parts.filter(isBlobId), 'queued')
  }

  remove(parts: readonly ObjectId[]): void {
    if (this.#isClosed) return
    const queued = this.#queued.delete(parts)
    if (queued) this.#queuedParts -= parts.length
    for (const part of parts) {
      this.#unnamed.delete(part)
      const slot = this.#named.get(part)
      if (slot === undefined) continue
      this.#named.delete(part)
      // Ids are never used again: what is left of a chunk that was consumed names nothing, or what somebody keeps.
      if (!queued) slot.region.put(slot.offset, emptySlot)
      this.#free.push(slot)
    }
  }

  async close(): Promise<readonly ObjectId[]> {
    this.#closed = true
    await this.#growing
    return this.ids
  }

  /** What the memory of an object of notes says. */
  static read(bytes: Uint8Array): Noted {
    const noted: Noted = { unpushed: new Map(), queued: new Set() }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let offset = 0; offset + slotBytes <= bytes.length; offset += slotBytes) {
      const named = view.getBigUint64(offset, true)
      if (named === 0n) continue
      const id = objectIdFromBigInt(named)
      const word = view.getBigUint64(offset + 8, true)
      if (word === queuedWord) noted.queued.add(id)
      else if (isBlobId(id)) noted.unpushed.set(id, word === 0n ? undefined : Number(word) - 1)
    }
    return noted
  }

  /** Its memory may be another's then, or not be mapped any more. */
  get #isClosed(): boolean {
    return this.#closed || this.#connection.closed
  }

  #nameAll(ids: readonly ObjectId[], kind: Kind): void {
    if (this.#isClosed) return
    for (const id of ids) {
      const slot = this.#named.get(id) ?? this.#free.pop()
      if (slot === undefined) this.#unnamed.set(id, kind)
      else {
        this.#unnamed.delete(id)
        this.#name(id, kind, slot)
      }
    }
    if (this.#unnamed.size > 0) this.#growing ??= this.#grow().finally(() => (this.#growing = undefined))
  }

  #name(id: ObjectId, kind: Kind, slot: Slot): void {
    slotView.setBigUint64(0, objectIdToBigInt(id), true)
    slotView.setBigUint64(8, wordOf(kind), true)
    slot.region.put(slot.offset, slotContent)
    this.#named.set(id, slot)
  }

  /** Until it has succeeded a death leaves what has no place, as one between an allocation and its reply does. */
  async #grow(): Promise<void> {
    try {
      while (this.#unnamed.size > 0) {
        await this.#addPage()
        if (this.#isClosed) return
        for (const [id, kind] of this.#unnamed) {
          const slot = this.#free.pop()
          if (slot === undefined) break
          this.#unnamed.delete(id)
          this.#name(id, kind, slot)
        }
      }
    } catch {
      // No memory, or no connection: the next one that has no place tries again.
    }
  }

  async #addPage(): Promise<void> {
    const connection = this.#connection
    const size = pageSlots * slotBytes
    const [payload] = await allocateBlobs(connection, [size], { wait: false, scoped: false })
    if (payload === undefined) return
    const region = connection.descriptors.region(payload)
    region.put(payload.offset, new Uint8Array(size))
    const id = await createNotes(connection, this.#stream, {
      [namesMember]: {
        id: payload.id,
        typename: 'vineyard::Blob',
        instance_id: connection.info.instanceId,
        length: size,
        nbytes: size,
        transient: true
      }
    })
    this.ids.push(id)
    for (let slot = pageSlots - 1; slot >= 0; slot -= 1)
      this.#free.push({ region, offset: payload.offset + slot * slotBytes })
  }
}
