import { native } from '#dist/native.js'
import { Lease } from '#dist/memory/lease.js'
import type { LeaseHandle } from '#dist/memory/lease.js'
import { isMember, optional } from '#dist/objects/fields.js'
import { BlobDraft, ExistingObject } from '#dist/objects/model.js'
import type { Draft, Metadata, ReadContext } from '#dist/objects/model.js'
import { read } from '#dist/objects/registry.js'
import type { ObjectId } from '#dist/protocol/ids.js'
import { closeSync } from 'node:fs'

/** Objects as a server would hold them: metadata, and the bytes of blobs by id. Tests codecs, not a store. */
export interface Stored {
  meta: Metadata
  blobs: Map<ObjectId, Uint8Array>
}

const emptyBlob = 'o8000000000000000' as ObjectId

/** Makes a draft: blobs are filled into memory full of 0xaa, so that a byte that `fill` left out shows. */
export function materialise(draft: Draft, allocate = (size: number) => new Uint8Array(size)): Stored {
  const blobs = new Map<ObjectId, Uint8Array>()
  let next = 1
  const id = (first: string): ObjectId => `o${first}${(next++).toString(16).padStart(15, '0')}` as ObjectId
  const build = (part: Draft): Metadata => {
    if (part instanceof ExistingObject) return part.meta
    if (part instanceof BlobDraft) {
      const blobId = part.size === 0 ? emptyBlob : id('8')
      if (part.size > 0) {
        const bytes = allocate(part.size).fill(0xaa)
        part.fill(bytes)
        blobs.set(blobId, bytes)
      }
      // Sizes of member blobs are 0 in metadata, whatever they are.
      return { id: blobId, typename: 'vineyard::Blob', instance_id: 0, length: 0, nbytes: 0, transient: true }
    }
    for (const [key, value] of Object.entries(part.fields)) {
      if (typeof value === 'object' && value !== null) throw new Error(`${key} would be taken for a member`)
    }
    const members = Object.entries(part.members).map(([key, member]) => [key, build(member)] as const)
    return {
      ...part.fields,
      ...Object.fromEntries(members),
      id: id('0'),
      typename: part.typename,
      instance_id: 0
    }
  }
  return { meta: build(draft), blobs }
}

/** A context as the client makes it, over the blobs of a store. */
export function contextOf({ blobs }: Stored, lease?: Lease): ReadContext {
  const context: ReadContext = {
    blob(owner, key) {
      const id = this.member(owner, key).id
      const bytes = id === emptyBlob ? new Uint8Array(0) : blobs.get(id)
      if (bytes === undefined) throw new Error(`blob ${key} is not there`)
      return bytes
    },
    member(owner, key) {
      const member = optional(owner, key)
      if (!isMember(member)) throw new Error(`no member ${key}`)
      return member
    },
    read: part => read(part, context),
    newHandle: (): LeaseHandle | undefined => lease?.handle(),
    handle: lease?.handle()
  }
  return context
}

/** The value of what a draft says, read from copies. */
export function readBack(draft: Draft): unknown {
  const stored = materialise(draft)
  return read(stored.meta, contextOf(stored))
}

export interface LeasedValue {
  value: unknown
  /** How often the memory has been given back. */
  returned: () => number
}

/** The value of what a draft says, read from memory that is mapped read-only and leased. */
export function readLeased(draft: Draft): LeasedValue {
  const stored = materialise(draft)
  const aligned = (size: number): number => Math.ceil(size / 64) * 64
  const size = [...stored.blobs.values()].reduce((sum, bytes) => sum + aligned(bytes.byteLength), 64)
  const fd = native.createMemory('objects-test', size)
  const writable = native.map(fd, size, true)
  const readable = native.map(fd, size, false)
  closeSync(fd)
  const views: ArrayBuffer[] = []
  const blobs = new Map<ObjectId, Uint8Array>()
  let offset = 0
  for (const [id, bytes] of stored.blobs) {
    const target = writable.view(offset, bytes.byteLength)
    new Uint8Array(target).set(bytes)
    native.detach(target)
    const view = readable.view(offset, bytes.byteLength)
    views.push(view)
    blobs.set(id, new Uint8Array(view))
    offset += aligned(bytes.byteLength)
  }
  writable.close()
  readable.close()
  let returned = 0
  const lease = new Lease(views, () => {
    returned += 1
  })
  const value = read(stored.meta, contextOf({ meta: stored.meta, blobs }, lease))
  return { value, returned: () => returned }
}
