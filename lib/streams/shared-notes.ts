import { allocateBlobs } from '../client/blob-allocation.js'
import type { Connection } from '../client/connection.js'
import type { Region } from '../memory/region.js'
import { isBlobId, objectIdFromBigInt, objectIdToBigInt, type ObjectId } from '../protocol/ids.js'
import { createNotes, namesMember } from './notes-object.js'
import type { ProducerNotes, Unpushed } from './producer-notes.js'

/** So many blobs have a place in one object of notes: 4 KiB. */
const pageSlots = 256
/** The id of a blob, and the number of its chunk plus 1, or 0: two little-endian integers of 64 bits. */
const slotBytes = 16
const emptySlot = new Uint8Array(slotBytes)

/** Where a blob is named. */
interface Slot {
  region: Region
  offset: number
}

/**
 * Notes in shared memory: naming a blob takes no request. The memory is a blob that is never sealed: a server that spills
 * what is sealed to a disk would give the memory to somebody else.
 */
export class SharedNotes implements ProducerNotes {
  readonly ids: ObjectId[] = []
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #free: Slot[] = []
  readonly #named = new Map<ObjectId, Slot>()
  /** Blobs that wait for a further page. */
  readonly #unnamed: Unpushed = new Map()
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
    if (this.#isClosed) return
    for (const blob of blobs) {
      const slot = this.#named.get(blob) ?? this.#free.pop()
      if (slot === undefined) this.#unnamed.set(blob, chunk)
      else {
        this.#unnamed.delete(blob)
        this.#name(blob, chunk, slot)
      }
    }
    if (this.#unnamed.size > 0) this.#growing ??= this.#grow().finally(() => (this.#growing = undefined))
  }

  remove(blobs: readonly ObjectId[]): void {
    if (this.#isClosed) return
    for (const blob of blobs) {
      this.#unnamed.delete(blob)
      const slot = this.#named.get(blob)
      if (slot === undefined) continue
      this.#named.delete(blob)
      slot.region.put(slot.offset, emptySlot)
      this.#free.push(slot)
    }
  }

  async close(): Promise<readonly ObjectId[]> {
    this.#closed = true
    await this.#growing
    return this.ids
  }

  /** What the memory of an object of notes says. */
  static read(bytes: Uint8Array): Unpushed {
    const unpushed: Unpushed = new Map()
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let offset = 0; offset + slotBytes <= bytes.length; offset += slotBytes) {
      const blob = objectIdFromBigInt(view.getBigUint64(offset, true))
      const chunk = Number(view.getBigUint64(offset + 8, true)) - 1
      if (isBlobId(blob)) unpushed.set(blob, chunk < 0 ? undefined : chunk)
    }
    return unpushed
  }

  /** Its memory may be another's then, or not be mapped any more. */
  get #isClosed(): boolean {
    return this.#closed || this.#connection.closed
  }

  #name(blob: ObjectId, chunk: number | undefined, slot: Slot): void {
    const bytes = new Uint8Array(slotBytes)
    const view = new DataView(bytes.buffer)
    view.setBigUint64(0, objectIdToBigInt(blob), true)
    view.setBigUint64(8, BigInt(chunk ?? -1) + 1n, true)
    slot.region.put(slot.offset, bytes)
    this.#named.set(blob, slot)
  }

  /** Until it has succeeded a death leaves what has no place, as one between an allocation and its reply does. */
  async #grow(): Promise<void> {
    try {
      while (this.#unnamed.size > 0) {
        await this.#addPage()
        if (this.#isClosed) return
        for (const [blob, chunk] of this.#unnamed) {
          const slot = this.#free.pop()
          if (slot === undefined) break
          this.#unnamed.delete(blob)
          this.#name(blob, chunk, slot)
        }
      }
    } catch {
      // No memory, or no connection: the next blob tries again.
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
