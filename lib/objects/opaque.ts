import type { LeaseHandle } from '../memory/lease.js'
import type { ObjectId } from '../protocol/ids.js'
import { blobIdOf, isBlob } from './blobs.js'
import { isNested, metadataError, optional } from './fields.js'
import type { Metadata, ReadContext } from './model.js'

/** The bytes of a blob that is not a member: the root of a tree, or an element that is a blob itself. */
export function bytesOfBlob(context: ReadContext, blob: Metadata): Uint8Array {
  return context.blob({ id: blob.id, typename: blob.typename, instance_id: blob.instance_id, blob }, 'blob')
}

/**
 * An object that this package has no value for: an unknown type, a value that Python pickled (unpickling
 * would run code out of the store), or one whose writer lost data. Its metadata and the bytes of its blobs
 * can be had all the same.
 */
export class OpaqueObject {
  /** The metadata, with its members. */
  readonly meta: Metadata
  /** Why this is not a value. */
  readonly reason: string
  readonly #context: ReadContext
  readonly #handle: LeaseHandle | undefined

  /** @hidden Made by `client.get`. */
  constructor(meta: Metadata, reason: string, context: ReadContext) {
    this.meta = meta
    this.reason = reason
    this.#context = context
    this.#handle = context.handle
  }

  /** The object's id. */
  get id(): ObjectId {
    return this.meta.id
  }

  /** The object's typename. */
  get typename(): string {
    return this.meta.typename
  }

  /** The members that are blobs: key (with dots between the levels of nesting) and id. */
  get blobs(): {
    /** What `blob` takes. */
    key: string
    /** Or this. */
    id: ObjectId
  }[] {
    const found: { key: string; id: ObjectId }[] = []
    const pending: [path: string, node: Metadata][] = [['', this.meta]]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [path, node] = next
      for (const key of Object.keys(node).reverse()) {
        const child = node[key]
        if (!isNested(child)) continue
        if (isBlob(child)) found.push({ key: path + key, id: blobIdOf(child) })
        else pending.push([`${path}${key}.`, child])
      }
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /**
   * The bytes of a blob by its key (as `blobs` names it) or id. Throws ERR_VINEYARD_METADATA where the object
   * has no such blob, and ERR_VINEYARD_RELEASED after a release.
   */
  blob(keyOrId: string): Buffer {
    this.#handle?.check()
    const key = this.blobs.find(blob => blob.id === keyOrId)?.key ?? keyOrId
    const path = key.split('.')
    const last = path.pop() ?? ''
    const owner = path.reduce<Metadata>((node, step) => {
      const child = optional(node, step)
      if (!isNested(child)) throw metadataError(this.meta, `the blob "${keyOrId}" is missing`)
      return child
    }, this.meta)
    const bytes = this.#context.blob(owner, last)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}
