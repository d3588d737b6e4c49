import { VineyardError } from '../errors.js'
import type { HandleOwner, LeaseHandle } from '../memory/lease.js'
import { blobIdOf } from '../objects/blobs.js'
import { isMember } from '../objects/fields.js'
import type { Metadata, ReadContext } from '../objects/model.js'
import { read } from '../objects/registry.js'
import { emptyBlobId } from '../protocol/ids.js'
import type { BlobBytes } from './blob-access.js'

/** What object types read from: the bytes of an object tree's blobs, fetched beforehand. */
export class ObjectReadContext implements ReadContext {
  readonly handle: LeaseHandle | undefined
  readonly instanceId: number | bigint
  readonly #bytes: BlobBytes
  readonly #lease: HandleOwner | undefined

  constructor(bytes: BlobBytes, lease: HandleOwner | undefined, instanceId: number | bigint) {
    this.instanceId = instanceId
    this.#bytes = bytes
    this.#lease = lease
    this.handle = lease?.handle()
  }

  blob(meta: Metadata, key: string): Uint8Array {
    const id = blobIdOf(this.member(meta, key))
    if (id === emptyBlobId) return new Uint8Array(0)
    const bytes = this.#bytes.get(id)
    if (bytes !== undefined) return bytes
    throw new VineyardError('ERR_VINEYARD_METADATA', `${key} of ${meta.typename} ${meta.id} is not a blob`)
  }

  member(meta: Metadata, key: string): Metadata {
    const member = Object.hasOwn(meta, key) ? meta[key] : undefined
    if (isMember(member)) return member
    throw new VineyardError('ERR_VINEYARD_METADATA', `${meta.typename} ${meta.id} has no member ${key}`)
  }

  read(meta: Metadata): unknown {
    return read(meta, this)
  }

  newHandle(): LeaseHandle | undefined {
    return this.#lease?.handle()
  }
}
