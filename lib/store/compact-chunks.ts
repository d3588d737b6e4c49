import { emptyBlobId, type ObjectId } from '../protocol/ids.js'
import type { Blob } from './blob.js'
import type { Blobs } from './blobs.js'
import type { Metadata } from './metadata.js'
import type { ObjectRecord } from './object-record.js'
import type { Request } from './request.js'
import type { Template } from '../protocol/template.js'

/** A chunk that is an object in principle: all its blobs lie in one, and its metadata exist only as a template. */
export interface CompactChunk {
  readonly id: ObjectId
  /** Number of the template in its stream. */
  readonly number: number
  readonly template: Template
  readonly vars: readonly unknown[]
  /** Offset and size in `blob` of each of the template's blobs. */
  readonly spans: readonly number[]
  readonly blob: Blob
}

/**
 * Chunks between a writer and a reader of this package. Most are written, read and deleted without ever becoming
 * objects, which would cost more than everything else about a small chunk. Whoever asks for one by its id gets the
 * objects: they are made then.
 */
export class CompactChunks {
  readonly #blobs: Blobs
  readonly #metadata: Metadata
  readonly #byId = new Map<ObjectId, CompactChunk>()

  constructor(blobs: Blobs, metadata: Metadata) {
    this.#blobs = blobs
    this.#metadata = metadata
  }

  get count(): number {
    return this.#byId.size
  }

  find(id: ObjectId): CompactChunk | undefined {
    return this.#byId.get(id)
  }

  /** A new chunk. Its blob is its own from now on. */
  add(chunk: Omit<CompactChunk, 'id'>): ObjectId {
    const id = this.#metadata.reserveId()
    this.#byId.set(id, { id, ...chunk })
    return id
  }

  /** Deletes a chunk that has not become an object. False if there is none with this id. */
  delete(id: ObjectId): boolean {
    const chunk = this.#byId.get(id)
    if (!chunk) return false
    this.#byId.delete(id)
    this.#blobs.delete(chunk.blob)
    return true
  }

  /** Makes the objects of a chunk. Undefined if there is none, or if its metadata break the rules: then it is deleted. */
  materialise(id: ObjectId): ObjectRecord | undefined {
    const chunk = this.#byId.get(id)
    if (!chunk) return undefined
    this.#byId.delete(id)
    const parts = this.#blobs.split(chunk.blob, chunk.spans)
    const made: ObjectRecord[] = []
    try {
      const content = chunk.template.instantiate(
        chunk.vars,
        (index, instance) => blobMember(parts[index] ?? emptyBlobId, instance),
        member => {
          const [created] = this.#metadata.create([member])
          made.push(created!.record)
          return { id: created!.record.id }
        }
      )
      return this.#metadata.createAs(id, content)
    } catch {
      for (const record of made.reverse()) this.#metadata.remove(record)
      for (const part of parts) {
        const blob = this.#blobs.find(part)
        if (blob) this.#blobs.delete(blob)
      }
      return undefined
    }
  }

  /** Makes the objects of all chunks: somebody looks at everything there is. */
  materialiseAll(): void {
    for (const id of [...this.#byId.keys()]) this.materialise(id)
  }
}

function blobMember(id: ObjectId, instance: unknown): Request {
  return { id, typename: 'vineyard::Blob', instance_id: instance }
}
