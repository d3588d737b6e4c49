import { Status } from '../../errors.js'
import { emptyBlobId, invalidId, isBlobId, isObjectId, type ObjectId } from '../../protocol/ids.js'
import { maxBlobs } from '../../protocol/request-limits.js'
import { Allocator } from '../allocator.js'
import type { Blob } from '../blob.js'
import { RequestError } from '../request-error.js'
import {
  readArray,
  readFlag,
  readId,
  readIds,
  readNumberedIds,
  readSize,
  readSizes,
  readString,
  type Request
} from '../request.js'
import { Waiting } from '../waiting.js'
import { type Handler, plainReply, type RequestContext, route } from './handler.js'
import { createAll, createdMany, createdOne, createNow, inOrder, noMemory } from './new-blobs.js'
import { emptyPayload, payloadText, poolPayload } from './payload.js'

function getBlob({ engine, peer }: RequestContext, id: ObjectId): Blob {
  const blob = engine.blobs.find(id)
  if (blob) return blob
  engine.blobs.letGoDeleted(peer, id)
  throw new RequestError(Status.ObjectNotExists, `there is no blob ${id}`)
}

/** One blob made by `create`, as a reply of the given type. */
function createOne(size: number, type: string, context: RequestContext): string | Waiting {
  const { engine, peer } = context
  return createNow([size], false, context, ([blob]) =>
    createdOne(blob, blob ? peer.announceFd(engine.poolFd) : -1, type, engine)
  )
}

const createBuffer: Handler = (request, context) =>
  createOne(readSize(request, 'size'), 'create_buffer_reply', context)

/** Without a path a disk buffer is an unnamed temporary file: nobody can tell it from memory. */
const createDiskBuffer: Handler = (request, context) => {
  const size = readSize(request, 'size')
  const path = readString(request, 'path')
  if (size === 0 && path === '') throw RequestError.invalid("one of 'size' and 'path' must be given")
  if (path !== '') throw new RequestError(Status.NotImplemented, 'this store has no blobs in files')
  return createOne(size, 'create_disk_buffer_reply', context)
}

/** The reply for new blobs, and the descriptor that they need. */
function announce(sizes: readonly number[], made: readonly Blob[], { engine, peer }: RequestContext): string {
  const fd = made.length > 0 ? peer.announceFd(engine.poolFd) : -1
  return createdMany(inOrder(sizes, made), fd, engine)
}

const createBuffers: Handler = (request, context) => {
  const { engine, peer } = context
  const sizes = readSizes(request)
  const extended = peer.extension > 0
  const wait = extended && readFlag(request, 'wait')
  const scoped = extended && readFlag(request, 'scoped')
  const urgent = !scoped || readFlag(request, 'urgent')
  const stream =
    extended && request['stream'] !== undefined
      ? engine.streams.table.find(readId(request, 'stream'))
      : undefined
  const footprint = sizes.reduce((sum, size) => sum + Allocator.footprint(size), 0)
  if (footprint > engine.blobs.limit) throw noMemory(footprint, engine)
  if (!wait) {
    if (urgent) return createNow(sizes, scoped, context, made => announce(sizes, made, context))
    // Memory in advance must not keep those who wait for some from it.
    const made = engine.memory.admits(footprint) ? createAll(sizes, scoped, 'perhaps', context) : undefined
    if (!made) throw noMemory(footprint, engine)
    return announce(sizes, made, context)
  }
  const waiting = new Waiting()
  if (request['ticket'] !== undefined) peer.cancellable.begin(readSize(request, 'ticket'), waiting)
  const attempt = (): boolean => {
    if (!engine.blobs.mayFit(footprint)) return false
    const made = createAll(sizes, scoped, 'soon', context)
    if (!made) return false
    waiting.settle(() => announce(sizes, made, context))
    return true
  }
  engine.memory.add({ peer, waiting, bytes: footprint, stretch: Math.max(...sizes), stream, attempt })
  return waiting
}

const seal: Handler = (request, context) => {
  const { engine, peer } = context
  const id = readId(request, 'object_id')
  if (id !== emptyBlobId && id !== invalidId) engine.blobs.seal(getBlob(context, id), peer)
  engine.blobs.refer(peer, id)
  return plainReply('seal_reply')
}

/** Ids as `ids`, or as `num` and "0", "1"…: clients use both. */
function readBlobIds(request: Request): ObjectId[] {
  return request['ids'] === undefined ? readNumberedIds(request, maxBlobs) : readIds(request, 'ids', maxBlobs)
}

const getBuffers: Handler = (request, { engine, peer }) => {
  const ids = readBlobIds(request)
  const unsafe = readFlag(request, 'unsafe')
  const payloads: string[] = []
  const found: Blob[] = []
  let mapped = false
  for (const id of ids) {
    const blob = engine.blobs.find(id)
    if (blob) {
      if (!blob.sealed && !unsafe)
        throw new RequestError(Status.ObjectNotSealed, `the blob ${id} is not sealed`)
      payloads.push(payloadText(blob, engine))
      found.push(blob)
      if (blob.size > 0) mapped = true
    } else if (id === emptyBlobId) {
      payloads.push(emptyPayload)
    } else if (id === invalidId) {
      payloads.push(poolPayload(engine))
      mapped = true
    }
  }
  for (const id of ids) if (isBlobId(id)) engine.blobs.refer(peer, id)
  if (peer.extension > 0) for (const blob of found) engine.blobs.lease(peer, blob)
  const fd = mapped ? peer.announceFd(engine.poolFd) : -1
  const numbered = payloads.map((payload, index) => `"${index}":${payload},`).join('')
  return (
    `{${numbered}"compress":false,"fds":[${fd === -1 ? '' : fd}],"num":${payloads.length},` +
    `"payloads":[${payloads.join(',')}],"type":"get_buffers_reply"}`
  )
}

const dropBuffer: Handler = (request, context) => {
  const { engine, peer } = context
  const id = readId(request, 'id')
  if (id !== emptyBlobId && id !== invalidId) engine.blobs.delete(getBlob(context, id), peer)
  return plainReply('drop_buffer_reply')
}

const shrinkBuffer: Handler = (request, context) => {
  const size = readSize(request, 'size')
  const { engine, peer } = context
  engine.blobs.shrink(getBlob(context, readId(request, 'id')), size, peer)
  return plainReply('shrink_buffer_reply')
}

const increaseReferenceCount: Handler = (request, { engine, peer }) => {
  for (const id of readIds(request, 'ids')) engine.blobs.refer(peer, id)
  return plainReply('increase_reference_count_reply')
}

const release: Handler = (request, { engine, peer }) => {
  engine.blobs.unrefer(peer, readId(request, 'object_id'))
  return plainReply('release_reply')
}

const releaseLeases: Handler = (request, { engine, peer }) => {
  if (peer.extension === 0) return undefined
  // Any number: a lease that did not come back would never end.
  for (const id of readArray(request, 'ids', Infinity)) if (isObjectId(id)) engine.blobs.unlease(peer, id)
  return undefined
}

/** Only what the connection has in advance. */
const giveBackBlobs: Handler = (request, { engine, peer }) => {
  if (peer.extension === 0) return undefined
  for (const id of readArray(request, 'ids')) {
    const blob = isObjectId(id) ? engine.blobs.find(id) : undefined
    if (blob?.scope === peer && !blob.sealed) engine.blobs.delete(blob, peer)
    else if (isObjectId(id)) engine.blobs.letGoDeleted(peer, id)
  }
  return undefined
}

const cancelWaiting: Handler = (request, { peer }) => {
  if (peer.extension > 0) peer.cancellable.cancel(readSize(request, 'ticket'))
  return undefined
}

const isInUse: Handler = (request, { engine }) => {
  const blob = engine.blobs.find(readId(request, 'id'))
  return `{"is_in_use":${!blob?.cold},"type":"is_in_use_reply"}`
}

const isSpilled: Handler = request => {
  readId(request, 'id')
  return '{"is_spilled":false,"type":"is_spilled_reply"}'
}

/** Nothing is ever spilled here, so there is nothing to do for those that ask to move it. */
function unspilled(reply: string): Handler {
  return request => {
    readIds(request, 'ids')
    readFlag(request, 'pin')
    return plainReply(reply)
  }
}

function refuse(status: 1 | 6, message: string): Handler {
  return () => {
    throw new RequestError(status, message)
  }
}

const noGpu = refuse(1, 'GPU support is not enabled')
const noPlasma = refuse(1, 'this store has no plasma sessions')
const noArena = refuse(6, 'this store has no arenas')

export const bufferRoutes = [
  route('create_buffer_request', createBuffer, { work: true }),
  route('create_buffers_request', createBuffers, { work: true }),
  route('create_disk_buffer_request', createDiskBuffer, { work: true }),
  route('create_gpu_buffer_request', noGpu),
  route('get_gpu_buffers_request', noGpu),
  route('seal_request', seal),
  route('get_buffers_request', getBuffers),
  route('drop_buffer_request', dropBuffer),
  route('shrink_buffer_request', shrinkBuffer),
  route('increase_reference_count_request', increaseReferenceCount),
  route('release_request', release),
  route('release_leases', releaseLeases, { oneWay: true }),
  route('give_back_blobs', giveBackBlobs, { oneWay: true }),
  route('cancel_waiting', cancelWaiting, { oneWay: true }),
  route('is_in_use_request', isInUse),
  route('is_spilled_request', isSpilled),
  route('evict_request', unspilled('evict_reply')),
  route('load_request', unspilled('load_reply')),
  route('unpin_request', unspilled('unpin_reply')),
  route('make_arena_request', noArena),
  route('finalize_arena_request', noArena),
  route('create_buffer_by_plasma_request', noPlasma),
  route('get_buffers_by_plasma_request', noPlasma),
  route('plasma_seal_request', noPlasma),
  route('plasma_release_request', noPlasma),
  route('plasma_delete_data_request', noPlasma)
]
