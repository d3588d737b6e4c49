import { Status } from '../errors.js'
import { emptyBlobId, invalidId, isBlobId, type ObjectId, objectIdToDecimal } from '../protocol/ids.js'
import { type DeletionGraph, type DeletionOptions, deleteObjects } from './deletion.js'
import { type HeapShare, textBytes } from './heap-share.js'
import type { IdGenerator } from './id-generator.js'
import { checkFields, checkWeight, type Description, describeObject } from './metadata-rules.js'
import { heapBytesOfObject, ObjectRecord } from './object-record.js'
import { RequestError } from './request-error.js'
import type { Request } from './request.js'
import { byteOrder, valueText } from './value-text.js'

/** What the maker of an object is told about it; decimal digits, except the id. */
export interface CreatedObject {
  record: ObjectRecord
  signature: string
}

/** The metadata of all objects, and which object is a member of which. */
export class Metadata implements DeletionGraph {
  readonly #ids: IdGenerator
  readonly #byId = new Map<string, ObjectRecord>()
  readonly #blobOwners = new Map<ObjectId, Set<ObjectRecord>>()
  readonly #blobSize: (id: ObjectId) => number
  readonly #heap: HeapShare
  /** Objects that are known but not made yet: makes one of them, if there is one with this id. Throws 41 where it has no room. */
  makeLazily: (id: ObjectId) => ObjectRecord | undefined = () => undefined
  /** Called for an object that has just come into being. */
  onCreated: (record: ObjectRecord) => void = () => {}

  /** `blobSize` tells the size of a blob, 0 for one that does not exist. */
  constructor(ids: IdGenerator, blobSize: (id: ObjectId) => number, heap: HeapShare) {
    this.#ids = ids
    this.#blobSize = blobSize
    this.#heap = heap
  }

  get count(): number {
    return this.#byId.size
  }

  /** Objects in the order of their ids, which is the order they were made in. */
  all(): IterableIterator<ObjectRecord> {
    return this.#byId.values()
  }

  /** Throws 41 as `makeLazily` does. */
  find(id: string): ObjectRecord | undefined {
    return this.peek(id) ?? this.makeLazily(id as ObjectId)
  }

  /** The object if it has been made. */
  peek(id: string): ObjectRecord | undefined {
    return this.#byId.get(id)
  }

  /** The object, or an error with `status`. */
  get(id: ObjectId, status: 12 | 27 = Status.MetaTreeSubtreeNotExists): ObjectRecord {
    const record = this.find(id)
    if (!record) throw new RequestError(status, `there is no object ${id}`)
    return record
  }

  blobOwners(id: ObjectId): ReadonlySet<ObjectRecord> | undefined {
    return this.#blobOwners.get(id)
  }

  /** Makes objects of metadata as it came in a request: all of them or, where one is wrong or one too many, none. */
  create(contents: readonly unknown[]): CreatedObject[] {
    const descriptions = contents.map(content => describeObject(content, id => this.find(id)))
    let bytes = 0
    // Without what #add adds: the last may go beyond the limit by that.
    for (const { fields, blobs } of descriptions) bytes += heapBytesOfObject(fields, blobs.size)
    this.#heap.admit(bytes)
    return descriptions.map(description => this.#add(description))
  }

  /** Makes one object that has been admitted already, of members that have been made: under `id` if that was given out before. */
  createAdmitted(content: unknown, id?: ObjectId): ObjectRecord {
    return this.#add(
      describeObject(content, member => this.peek(member)),
      id
    ).record
  }

  /** An id for an object that is made later. */
  reserveId(): ObjectId {
    return this.#ids.object()
  }

  /**
   * Another object with the same members, signature and time. `extra` adds or replaces fields.
   * Throws 7 for a blob or values that are not primitive, 27 for an unknown object.
   */
  shallowCopy(id: ObjectId, extra: unknown): ObjectRecord {
    if (isBlobId(id)) throw new RequestError(Status.AssertionFailed, 'a blob cannot be shallow copied')
    const source = this.get(id)
    if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) {
      throw new RequestError(Status.AssertionFailed, "the field 'extra' must be a JSON object")
    }
    const target = this.#ids.object()
    const added = extra as Request
    const keys = Object.keys(added)
    checkFields(source.fields.size + keys.length)
    const fields = new Map(source.fields)
    let { transient, typename } = source
    // The labels have come later.
    let weight = source.weight + source.fieldText('__labels').length
    for (const key of keys) {
      const value = added[key]
      if (typeof value === 'object' && value !== null) {
        throw new RequestError(Status.AssertionFailed, "the values of 'extra' must be primitive")
      }
      if (key === 'transient') {
        if (typeof value !== 'boolean') {
          throw new RequestError(Status.MetaTreeInvalid, "the field 'transient' must be a boolean")
        }
        transient = value
      }
      if (key === 'typename') {
        if (typeof value !== 'string')
          throw new RequestError(Status.MetaTreeInvalid, "'typename' must be a string")
        typename = value
      }
      const text = valueText(value)
      weight += text.length
      fields.set(key, text)
    }
    checkWeight(weight)
    this.#heap.admit(heapBytesOfObject(fields, source.blobs.length))
    fields.set('id', JSON.stringify(target))
    const { instance, isGlobal } = source
    return this.#insert(target, fields, { typename, instance, isGlobal, transient }, source.blobs)
  }

  /** Whether the object has been persisted. Throws 27, or 7 where its metadata cannot say. */
  isPersistent(id: ObjectId): boolean {
    if (isBlobId(id)) return false
    const { transient } = this.get(id)
    if (transient === undefined) {
      throw new RequestError(Status.AssertionFailed, "the field 'transient' is not a boolean")
    }
    return !transient
  }

  /** Marks an object and its members as persistent. Idempotent. Throws 7 for a blob, 27 for an unknown object. */
  persist(id: ObjectId): void {
    if (isBlobId(id)) throw new RequestError(Status.AssertionFailed, 'a blob cannot be persisted')
    const pending = [this.get(id)]
    for (let record = pending.pop(); record; record = pending.pop()) {
      if (record.transient === undefined) {
        throw new RequestError(Status.MetaTreeInvalid, "the field 'transient' is not a boolean")
      }
      if (!record.transient) continue
      record.transient = false
      this.setField(record, 'transient', 'false')
      pending.push(...record.members)
    }
  }

  /** Merges labels into those an object has. */
  label(record: ObjectRecord, labels: ReadonlyMap<string, string>): void {
    let old: unknown
    try {
      old = JSON.parse(record.stringField('__labels') ?? '{}')
    } catch {
      throw new RequestError(Status.MetaTreeInvalid, 'the labels of the object are not JSON')
    }
    if (typeof old !== 'object' || old === null || Array.isArray(old)) {
      throw new RequestError(Status.MetaTreeInvalid, 'the labels of the object are not a JSON object')
    }
    const merged = new Map<string, unknown>(Object.entries(old))
    for (const [key, value] of labels) merged.set(key, value)
    checkFields(merged.size)
    const parts = [...merged.keys()].sort(byteOrder)
    const text = parts.map(key => `${JSON.stringify(key)}:${valueText(merged.get(key))}`).join(',')
    checkWeight(record.weight + text.length)
    const json = JSON.stringify(`{${text}}`)
    const growth = textBytes(json) - textBytes(record.fieldText('__labels'))
    if (growth > 0) this.#heap.admit(growth)
    this.setField(record, '__labels', json)
  }

  /** Sets a field of an object, or removes it with undefined. Member objects cannot be changed. */
  setField(record: ObjectRecord, key: string, text: string | undefined): void {
    const before = record.heapBytes
    record.setField(key, text)
    if (!record.deleted) this.#heap.count(record.heapBytes - before)
  }

  /** Deletes objects, and answers which blobs have to be deleted with them. */
  delete(ids: readonly ObjectId[], options: DeletionOptions): ObjectId[] {
    const real = ids.filter(id => id !== emptyBlobId && id !== invalidId)
    return deleteObjects(real, options, this)
  }

  /** Idempotent. */
  remove(record: ObjectRecord): void {
    if (record.deleted) return
    record.deleted = true
    this.#byId.delete(record.id)
    this.#heap.count(-record.heapBytes)
    for (const member of record.members) member.owners.delete(record)
    for (const blob of record.blobs) {
      const owners = this.#blobOwners.get(blob)
      if (owners?.delete(record) && owners.size === 0) this.#blobOwners.delete(blob)
    }
  }

  #add(description: Description, reserved?: ObjectId): CreatedObject {
    const { fields } = description
    const signature = description.signature ?? objectIdToDecimal(this.#ids.object())
    if (description.signature === undefined) fields.set('signature', signature)
    const id = reserved ?? this.#ids.object()
    fields.set('id', JSON.stringify(id))
    fields.set('__timestamp', String(Date.now()))
    return { record: this.#insert(id, fields, description, description.blobs), signature }
  }

  #insert(
    id: ObjectId,
    fields: ObjectRecord['fields'],
    facts: Pick<ObjectRecord, 'typename' | 'instance' | 'isGlobal' | 'transient'>,
    blobIds: Iterable<ObjectId>
  ): ObjectRecord {
    const blobs = new Map<ObjectId, number>()
    for (const blob of blobIds) {
      // The empty blob and the placeholder of the pool are never deleted: who refers to them does not matter.
      if (blob !== emptyBlobId && blob !== invalidId) blobs.set(blob, this.#blobSize(blob))
    }
    const { typename, instance, isGlobal, transient } = facts
    const record = new ObjectRecord(id, fields, typename, instance, isGlobal, transient, blobs)
    this.#byId.set(id, record)
    this.#heap.count(record.heapBytes)
    for (const member of record.members) member.owners.add(record)
    for (const blob of record.blobs) {
      const owners = this.#blobOwners.get(blob)
      if (owners) owners.add(record)
      else this.#blobOwners.set(blob, new Set([record]))
    }
    this.onCreated(record)
    return record
  }
}
