import type { Peer } from './peer.js'
import { type ObjectId, objectIdToDecimal } from '../protocol/ids.js'
import { textBytes } from './heap-share.js'
import { byteOrder } from './value-text.js'

/** A member that is an object: its metadata is nested in that of its owner. */
export class Link {
  constructor(readonly target: ObjectRecord) {}
}

/** What a field of an object is: JSON text (values, and members that are blobs), or a member object. */
export type Field = string | Link

/** What an object, a field of it, and the memory of what it refers to take of V8's heap beside the text, in bytes. */
const objectBytes = 1024
const fieldBytes = 192
const referenceBytes = 512

function heapBytesOfField(key: string, field: Field): number {
  // A key is kept once more as JSON, which may be six times as long.
  const bytes = fieldBytes + 4 * textBytes(key)
  return bytes + (typeof field === 'string' ? textBytes(field) : referenceBytes)
}

/** What the metadata of an object with these fields take of V8's heap, from above; each of its blobs is a field as well. */
export function heapBytesOfObject(fields: ReadonlyMap<string, Field>, blobs: number): number {
  let bytes = objectBytes + blobs * referenceBytes
  for (const [key, field] of fields) bytes += heapBytesOfField(key, field)
  return bytes
}

/**
 * The metadata of one object, kept as text: it is read more often than written. Members are composed in when it is read,
 * because labels, names and persistence change them later.
 */
export class ObjectRecord {
  readonly decimal: string
  /** Objects that this one is a member of. */
  readonly owners = new Set<ObjectRecord>()
  /** Distinct member objects. */
  readonly members: readonly ObjectRecord[]
  /** Distinct member blobs. */
  readonly blobs: readonly ObjectId[]
  /** Levels of member objects below this one. */
  readonly depth: number
  /** Sum of the sizes of all blobs below, as they were when the object was made. */
  readonly bytes: number
  /** Length of the whole text, roughly; what it was when the object was made. */
  readonly weight: number
  deleted = false
  /** See `heapBytesOfObject`. */
  heapBytes: number
  /** The connection whose end deletes it, unless an owner, a stream, a name or persistence takes it over before. */
  scope: Peer | undefined
  #segments: Field[] | undefined

  constructor(
    readonly id: ObjectId,
    readonly fields: Map<string, Field>,
    readonly typename: string,
    /** Decimal digits. */
    readonly instance: string,
    readonly isGlobal: boolean,
    /** Undefined where its creator wrote something else than a boolean. */
    public transient: boolean | undefined,
    blobs: ReadonlyMap<ObjectId, number>
  ) {
    this.decimal = objectIdToDecimal(id)
    const members = new Set<ObjectRecord>()
    let weight = 0
    let depth = 0
    let bytes = 0
    for (const [key, field] of fields) {
      weight += key.length + 4
      if (typeof field === 'string') {
        weight += field.length
      } else {
        weight += field.target.weight
        members.add(field.target)
      }
    }
    for (const member of members) {
      depth = Math.max(depth, member.depth + 1)
      bytes += member.bytes
    }
    for (const size of blobs.values()) bytes += size
    this.members = [...members]
    this.blobs = [...blobs.keys()]
    this.heapBytes = heapBytesOfObject(fields, blobs.size)
    this.weight = weight
    this.depth = depth
    this.bytes = bytes
  }

  /** Sets a field, or removes it with undefined. Member objects cannot be changed. */
  setField(key: string, text: string | undefined): void {
    const old = this.fields.get(key)
    if (old !== undefined) this.heapBytes -= heapBytesOfField(key, old)
    if (text !== undefined) this.heapBytes += heapBytesOfField(key, text)
    if (text === undefined) this.fields.delete(key)
    else this.fields.set(key, text)
    this.#segments = undefined
  }

  /** The JSON text of a field that is no member object; empty where there is none. */
  fieldText(key: string): string {
    const text = this.fields.get(key)
    return typeof text === 'string' ? text : ''
  }

  /** The value of a field that is a string, or undefined. */
  stringField(key: string): string | undefined {
    const text = this.fieldText(key)
    return text.startsWith('"') ? (JSON.parse(text) as string) : undefined
  }

  /** The JSON text of the object with its members, keys in byte order. */
  text(): string {
    let result = ''
    for (const segment of this.#cut()) result += typeof segment === 'string' ? segment : segment.target.text()
    return result
  }

  /** The text in pieces: what is this object's own, and the member objects between. */
  #cut(): Field[] {
    if (this.#segments) return this.#segments
    const segments: Field[] = []
    let own = ''
    for (const key of [...this.fields.keys()].sort(byteOrder)) {
      const field = this.fields.get(key)!
      own += `${own === '' && segments.length === 0 ? '{' : ','}${JSON.stringify(key)}:`
      if (typeof field === 'string') {
        own += field
      } else {
        segments.push(own, field)
        own = ''
      }
    }
    segments.push(`${own}}`)
    return (this.#segments = segments)
  }
}
