import { checkObjectId, emptyBlobId, invalidId, isBlobId } from '../protocol/ids.js'
import type { ObjectId } from '../protocol/ids.js'
import { isNested, metadataError } from './fields.js'
import type { Metadata } from './model.js'

/**
 * The id of a blob's metadata, in lower case (an id is kept as its writer wrote it). Throws
 * ERR_VINEYARD_METADATA where it is not the id of one blob: the id `offffffffffffffff` would stand for the
 * whole memory of the server.
 */
export function blobIdOf(blob: Metadata): ObjectId {
  let id: ObjectId
  try {
    id = checkObjectId(Object.hasOwn(blob, 'id') ? blob.id : undefined)
  } catch (cause) {
    throw metadataError(blob, 'not the id of a blob', cause)
  }
  if (!isBlobId(id) || id === invalidId) throw metadataError(blob, 'not the id of a blob')
  return id
}

/**
 * Whether this is the metadata of a blob. A blob id under any other typename counts: servers store such
 * members.
 */
export function isBlob(meta: Metadata): boolean {
  const { id, typename } = meta
  return (
    typename === 'vineyard::Blob' || (typeof id === 'string' && /^[oO][89a-fA-F][0-9a-fA-F]{15}$/.test(id))
  )
}

/**
 * Whether a part of a global object is on another instance than `instance`. Undefined: all are here.
 */
export function isPartElsewhere(part: Metadata, instance: number | bigint | undefined): boolean {
  return instance !== undefined && String(part.instance_id) !== String(instance)
}

/**
 * The ids of all blobs in a metadata tree, each once, without the empty blob and without those of the parts of a
 * global object that are not on `instance`. Not recursive: metadata may be nested deeper than the stack.
 */
export function blobIdsOf(meta: Metadata, instance?: number | bigint): ObjectId[] {
  const ids = new Set<ObjectId>()
  const pending = [meta]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (isBlob(node)) {
      ids.add(blobIdOf(node))
      continue
    }
    for (const key of Object.keys(node)) {
      const child = node[key]
      if (isNested(child) && !(node.global === true && isPartElsewhere(child, instance))) pending.push(child)
    }
  }
  ids.delete(emptyBlobId)
  return [...ids]
}
