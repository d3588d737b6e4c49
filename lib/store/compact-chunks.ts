import { emptyBlobId, type ObjectId } from '../protocol/ids.js'
import type { Template } from '../protocol/template.js'
import type { Blob } from './blob.js'
import type { Blobs } from './blobs.js'
import { type HeapShare, textBytes } from './heap-share.js'
import type { Metadata } from './metadata.js'
import type { ObjectRecord } from './object-record.js'
import type { PoolBytes } from './pool-bytes.js'
import type { Request } from './request.js'

/** A chunk that is an object in principle: all its blobs lie in one, and its metadata exist only as a template. */
export interface CompactChunk {
  readonly id: ObjectId
  /** Number of the template in its stream. */
  readonly number: number
  readonly template: Template
  /** The blob that its bytes lie in, from `at` on. */
  readonly blob: Blob
  readonly at: number
  readonly size: number
  /** The blob is a block, which others use as well. */
  readonly shared: boolean
  /** Variables and spans, where they do not stand in the chunk itself. */
  readonly values: ChunkValues | undefined
  /** What it takes of V8's heap. */
  readonly heapBytes: number
}

/** What a chunk takes of V8's heap without its values, and one of these, in bytes. */
const chunkBytes = 512
const valueBytes = 32
/** And the objects it becomes: one of them, a field, a character of the template, a blob. */
const madeObjectBytes = 4096
const madeFieldBytes = 256
const madeTextBytes = 12
const madeBlobBytes = 2048

/** What differs from chunk to chunk. Spans are offset and size in the chunk of each of the template's blobs. */
export interface ChunkValues {
  readonly vars: readonly unknown[]
  readonly spans: readonly number[]
}

/**
 * Chunks between a writer and a reader of this package. Most are written, read and deleted without ever becoming
 * objects, which would cost more than everything else about a small chunk. Whoever asks for one by its id gets the
 * objects: they are made then.
 */
export class CompactChunks {
  readonly #blobs: Blobs
  readonly #metadata: Metadata
  readonly #bytes: PoolBytes
  readonly #heap: HeapShare
  readonly #byId = new Map<ObjectId, CompactChunk>()

  constructor(blobs: Blobs, metadata: Metadata, bytes: PoolBytes, heap: HeapShare) {
    this.#blobs = blobs
    this.#metadata = metadata
    this.#bytes = bytes
    this.#heap = heap
  }

  get count(): number {
    return this.#byId.size
  }

  find(id: ObjectId): CompactChunk | undefined {
    return this.#byId.get(id)
  }

  /** A new chunk. A blob that is not shared is its own from now on. */
  add(
    number: number,
    template: Template,
    blob: Blob,
    at: number,
    size: number,
    shared: boolean,
    values?: ChunkValues
  ): ObjectId {
    const id = this.#metadata.reserveId()
    if (shared) this.#blobs.share(blob)
    const heapBytes = heapBytesOfChunk(values)
    this.#byId.set(id, { id, number, template, blob, at, size, shared, values, heapBytes })
    this.#heap.count(heapBytes)
    return id
  }

  /** Deletes a chunk that has not become an object. False if there is none with this id. */
  delete(id: ObjectId): boolean {
    const chunk = this.#byId.get(id)
    if (!chunk) return false
    this.#forget(chunk)
    this.#letGo(chunk)
    return true
  }

  /** Deletes all of them. */
  clear(): void {
    for (const id of [...this.#byId.keys()]) this.delete(id)
  }

  /**
   * Makes the objects of a chunk. Undefined if there is none, or if its metadata break the rules: then it is deleted.
   * Throws 41, and leaves it as it is, where there is no room for them.
   */
  materialise(id: ObjectId): ObjectRecord | undefined {
    const chunk = this.#byId.get(id)
    if (!chunk) return undefined
    this.#heap.admitFromLine(heapBytesOfObjects(chunk.template) + chunk.heapBytes)
    this.#blobs.admit(chunk.template.blobs)
    this.#forget(chunk)
    let parts: ObjectId[] = []
    const made: ObjectRecord[] = []
    try {
      const { vars, spans } = chunk.values ?? this.#readHeader(chunk)
      parts = this.#blobs.split(chunk.blob, spans)
      const content = chunk.template.instantiate(
        vars,
        (index, instance) => blobMember(parts[index] ?? emptyBlobId, instance),
        member => {
          const record = this.#metadata.createAdmitted(member)
          made.push(record)
          return { id: record.id }
        }
      )
      return this.#metadata.createAdmitted(content, id)
    } catch {
      for (const record of made.reverse()) this.#metadata.remove(record)
      for (const part of parts) {
        const blob = this.#blobs.find(part)
        if (blob) this.#blobs.delete(blob)
      }
      return undefined
    } finally {
      this.#letGo(chunk)
    }
  }

  /** Types of the objects that the chunks would become. */
  typenames(): Set<string> {
    const typenames = new Set<string>()
    for (const template of this.#templates())
      for (const typename of template.typenames) typenames.add(typename)
    return typenames
  }

  /**
   * Makes the objects of chunks with objects of these types, for at least `count` of those if there are so many. False if
   * there are none. Throws 41 as `materialise` does.
   */
  makeSome(typenames: ReadonlySet<string>, count: number): boolean {
    const wanted = new Set<Template>()
    for (const template of this.#templates()) {
      if ([...template.typenames].some(typename => typenames.has(typename))) wanted.add(template)
    }
    let made = 0
    for (const { id, template } of [...this.#byId.values()]) {
      if (made >= count) break
      if (wanted.has(template) && this.materialise(id)) made += 1
    }
    return made > 0
  }

  #templates(): Set<Template> {
    return new Set([...this.#byId.values()].map(({ template }) => template))
  }

  #forget(chunk: CompactChunk): void {
    this.#byId.delete(chunk.id)
    this.#heap.count(-chunk.heapBytes)
  }

  #letGo({ blob, shared }: CompactChunk): void {
    if (shared) this.#blobs.unshare(blob)
    else this.#blobs.delete(blob)
  }

  /** The header of a packed chunk, which its writer can have written anything into. */
  #readHeader({ template, blob, at, size }: CompactChunk): ChunkValues {
    const { vars, blobs, headerBytes } = template
    if (headerBytes > size) throw new RangeError('a chunk is shorter than its header')
    const numbers = new Float64Array(this.#bytes.copy(blob.offset + at, (vars + 2 * blobs) * 8).buffer)
    const spans: number[] = []
    for (let i = vars; i < numbers.length; i += 2) {
      const start = headerBytes + numbers[i]!
      const length = numbers[i + 1]!
      const valid = Number.isSafeInteger(start) && Number.isSafeInteger(length)
      if (!valid || start < headerBytes || length < 0 || start + length > size) {
        throw new RangeError('a blob lies outside its chunk')
      }
      spans.push(at + start, length)
    }
    return { vars: [...numbers.subarray(0, vars)], spans }
  }
}

/** What a chunk takes of V8's heap, from above. Values are numbers and texts. */
export function heapBytesOfChunk(values: ChunkValues | undefined): number {
  if (!values) return chunkBytes
  const { vars, spans } = values
  let bytes = chunkBytes + valueBytes * (vars.length + spans.length)
  for (const value of vars) if (typeof value === 'string') bytes += textBytes(value)
  return bytes
}

/** The same for the objects it becomes, without its values. */
function heapBytesOfObjects({ objects, fields, blobs, text }: Template): number {
  return (
    objects * madeObjectBytes + fields * madeFieldBytes + blobs * madeBlobBytes + text.length * madeTextBytes
  )
}

function blobMember(id: ObjectId, instance: unknown): Request {
  return { id, typename: 'vineyard::Blob', instance_id: instance }
}
