import { Status, VineyardError } from '../errors.js'
import { freshBytes } from '../memory/fresh-bytes.js'
import type { Place } from '../memory/lease.js'
import type { Region } from '../memory/region.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Payload } from '../protocol/payload.js'
import { maxBlobs, maxElements } from '../protocol/request-limits.js'
import type { Connection } from './connection.js'
import { divide } from './divide.js'
import { getBuffers, getRemoteBuffers } from './requests/blobs.js'

/**
 * Blobs closer together than this share one view. A view costs 2 µs, and looking at the bytes between is harmless: a
 * client may read the whole pool anyway.
 */
const largestGap = 4096

export type BlobBytes = ReadonlyMap<ObjectId, Uint8Array>

export function totalBytes(payloads: readonly Payload[]): number {
  return payloads.reduce((sum, payload) => sum + payload.size, 0)
}

/** Where blobs are. Rejects with ERR_VINEYARD_NOT_FOUND, and keeps no lease, if one of them does not exist. */
export async function locateBlobs(connection: Connection, ids: readonly ObjectId[]): Promise<Payload[]> {
  if (ids.length === 0) return []
  const payloads: Payload[] = []
  const found = new Set<ObjectId>()
  try {
    for (const some of divide(ids, maxBlobs)) {
      for (const payload of await getBuffers(connection, some)) {
        payloads.push(payload)
        found.add(payload.id)
      }
      const missing = some.find(id => !found.has(id))
      if (missing !== undefined) throw blobMissing(missing)
    }
    return payloads
  } catch (error) {
    for (const some of divide([...found], maxElements)) {
      if (connection.extended) connection.notify({ type: 'release_leases', ids: some })
    }
    throw error
  }
}

/** Over TCP: the bytes of blobs. Rejects with ERR_VINEYARD_NOT_FOUND if one of them does not exist. */
export async function fetchBlobs(connection: Connection, ids: readonly ObjectId[]): Promise<BlobBytes> {
  if (ids.length === 0) return new Map()
  const bytes = new Map<ObjectId, Uint8Array>()
  for (const some of divide(ids, maxBlobs)) {
    for (const [id, content] of await getRemoteBuffers(connection, some)) bytes.set(id, content)
  }
  const missing = ids.find(id => !bytes.has(id))
  if (missing !== undefined) throw blobMissing(missing)
  return bytes
}

function blobMissing(id: ObjectId): VineyardError {
  return new VineyardError('ERR_VINEYARD_NOT_FOUND', `blob ${id} does not exist`, {
    status: Status.ObjectNotExists
  })
}

/** The memory files that blobs lie in. */
export function regionsOf(connection: Connection, payloads: readonly Payload[]): Region[] {
  const regions = new Set<Region>()
  for (const payload of payloads) if (payload.size > 0) regions.add(connection.descriptors.region(payload))
  return [...regions]
}

/** The bytes of blobs in memory of this process, for anybody to change. */
export function copyBlobs(connection: Connection, payloads: readonly Payload[]): BlobBytes {
  return new Map(
    payloads.map(payload => {
      if (payload.size === 0) return [payload.id, new Uint8Array(0)]
      const region = connection.descriptors.region(payload)
      // slice() of the shared bytes: allocates without zeroing first, then copies.
      return [payload.id, region.read(payload.offset, payload.size, bytes => bytes.slice())]
    })
  )
}

/** Blobs begin at multiples of this in a copy of several. */
const alignment = 64

/** The bytes of blobs in one piece of memory of this process. */
export function gatherBlobs(
  connection: Connection,
  payloads: readonly Payload[]
): { buffer: ArrayBuffer; bytes: BlobBytes } {
  const places: [Payload, number][] = []
  let end = 0
  for (const payload of payloads) {
    places.push([payload, end])
    end = Math.ceil((end + payload.size) / alignment) * alignment
  }
  const { buffer } = freshBytes(end)
  const bytes = new Map<ObjectId, Uint8Array>()
  for (const [payload, at] of places) {
    const copy = new Uint8Array(buffer, at, payload.size)
    bytes.set(payload.id, copy)
    if (payload.size === 0) continue
    connection.descriptors.region(payload).read(payload.offset, payload.size, shared => void copy.set(shared))
  }
  return { buffer, bytes }
}

/** The bytes of blobs where they are, and the views that make them reachable. */
export function viewBlobs(
  connection: Connection,
  payloads: readonly Payload[]
): { bytes: BlobBytes; views: ArrayBuffer[]; places: Place[] } {
  const bytes = new Map<ObjectId, Uint8Array>()
  const views: ArrayBuffer[] = []
  const places: Place[] = []
  const sorted = payloads
    .filter(payload => payload.size > 0)
    .sort((a, b) => a.storeFd - b.storeFd || a.offset - b.offset)
  for (let first = 0; first < sorted.length;) {
    const start = sorted[first] as Payload
    let end = start.offset + start.size
    let next = first + 1
    for (; next < sorted.length; next += 1) {
      const candidate = sorted[next] as Payload
      if (candidate.storeFd !== start.storeFd || candidate.offset - end > largestGap) break
      end = Math.max(end, candidate.offset + candidate.size)
    }
    const region = connection.descriptors.region(start)
    const view = region.view(start.offset, end - start.offset)
    views.push(view)
    places.push({ region, offset: start.offset })
    for (const payload of sorted.slice(first, next)) {
      bytes.set(payload.id, new Uint8Array(view, payload.offset - start.offset, payload.size))
    }
    first = next
  }
  for (const payload of payloads) {
    if (payload.size === 0) bytes.set(payload.id, new Uint8Array(0))
  }
  return { bytes, views, places }
}
