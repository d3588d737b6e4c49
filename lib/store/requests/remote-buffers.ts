/** Blobs whose bytes travel through the connection: what clients without shared memory use. */
import { Status } from '../../errors.js'
import { emptyBlobId, type ObjectId } from '../../protocol/ids.js'
import { maxBlobs } from '../../protocol/request-limits.js'
import { CompressedReceiver, PlainReceiver, sendBlobs } from '../../rpc/blob-transfer.js'
import type { Blob } from '../blob.js'
import type { Engine } from '../engine.js'
import { Download, Upload } from '../exchange.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import { readFlag, readNumberedIds, readSize, readSizes, type Request } from '../request.js'
import { type Handler, type RequestContext, route } from './handler.js'
import { createAll, createdMany, createdOne, inOrder, noMemory } from './new-blobs.js'
import { emptyPayload, payloadText } from './payload.js'

function checkTcp(request: Request, peer: Peer): void {
  if (peer.carriesFds) {
    throw new RequestError(Status.NotImplemented, 'blobs travel through TCP connections only')
  }
  if (readFlag(request, 'use_rdma')) throw RequestError.invalid('this store has no RDMA')
}

/** Keeps the memory of blobs while their bytes are on their way, whatever is deleted meanwhile. */
function hold(blobs: readonly Blob[], { engine, peer }: RequestContext): () => void {
  for (const blob of blobs) engine.blobs.lease(peer, blob)
  return () => {
    for (const blob of blobs) engine.blobs.unlease(peer, blob.id)
  }
}

/** Makes blobs, and has them filled with the bytes that follow. */
function upload(
  request: Request,
  sizes: readonly number[],
  context: RequestContext,
  reply: (all: readonly (Blob | undefined)[]) => string
): Upload {
  const { engine, peer } = context
  checkTcp(request, peer)
  const compressed = readFlag(request, 'compress')
  // Nobody but its client hears of a blob before it is pushed or becomes a member: if that dies before, nobody would free it.
  const scoped = peer.scopes && readFlag(request, 'scoped')
  const made = createAll(sizes, scoped, 'now', context)
  if (!made)
    throw noMemory(
      sizes.reduce((sum, size) => sum + size, 0),
      engine
    )
  const all = inOrder(sizes, made)
  const views = made.flatMap(blob => engine.bytes.views(blob.offset, blob.size))
  const letGo = hold(made, context)
  for (const blob of made) blob.filling = true
  const finish = (): string => {
    // Before anybody hears of them: a blob that somebody has dropped meanwhile has no id any more.
    if (made.some(blob => blob.deleted)) {
      for (const blob of made) engine.blobs.delete(blob, peer)
      throw new RequestError(Status.ObjectNotExists, 'the blob was deleted while it was being filled')
    }
    engine.bytes.written(views)
    for (const blob of made) engine.blobs.seal(blob, peer)
    for (const blob of made) engine.blobs.refer(peer, blob.id)
    return reply(all)
  }
  const receiver = compressed ? new CompressedReceiver(views) : new PlainReceiver(views)
  return new Upload(reply(all), receiver, finish, () => {
    for (const blob of made) blob.filling = false
    engine.bytes.release(views)
    letGo()
  })
}

const createRemoteBuffer: Handler = (request, context) =>
  upload(request, [readSize(request, 'size')], context, ([blob]) =>
    createdOne(blob, -1, 'create_buffer_reply', context.engine, true)
  )

const createRemoteBuffers: Handler = (request, context) => {
  return upload(request, readSizes(request), context, all => createdMany(all, -1, context.engine, true))
}

/** The blobs that exist, undefined for the empty one. Throws 2 for one that is not sealed, as upstream does. */
function findSealed(ids: readonly ObjectId[], unsafe: boolean, engine: Engine): (Blob | undefined)[] {
  const found: (Blob | undefined)[] = []
  for (const id of ids) {
    const blob = engine.blobs.find(id)
    if (blob && !blob.sealed && !unsafe) {
      throw new RequestError(Status.KeyError, `the blob ${id} is not sealed`)
    }
    if (blob || id === emptyBlobId) found.push(blob)
  }
  return found
}

const getRemoteBuffers: Handler = (request, context) => {
  const { engine, peer } = context
  checkTcp(request, peer)
  const compressed = readFlag(request, 'compress')
  const found = findSealed(readNumberedIds(request, maxBlobs), readFlag(request, 'unsafe'), engine)
  const payloads = found.map(blob => (blob ? payloadText(blob, engine) : emptyPayload))
  const numbered = payloads.map((payload, index) => `"${index}":${payload},`).join('')
  const reply =
    `{${numbered}"compress":${compressed},"fds":[],"num":${payloads.length},` +
    `"payloads":[${payloads.join(',')}],"type":"get_buffers_reply"}`
  const blobs = found.filter(blob => blob !== undefined)
  for (const blob of blobs) engine.blobs.refer(peer, blob.id)
  if (blobs.length === 0) return reply
  const letGo = hold(blobs, context)
  return new Download(reply, async channel => {
    const views = blobs.map(blob => engine.bytes.views(blob.offset, blob.size))
    try {
      await sendBlobs(channel, views, compressed)
      await channel.flushed()
    } finally {
      engine.bytes.release(views.flat())
      letGo()
    }
  })
}

const noRdma: Handler = () => {
  throw RequestError.invalid('this store has no RDMA')
}

export const remoteBufferRoutes = [
  route('create_remote_buffer_request', createRemoteBuffer, { work: true }),
  route('create_remote_buffers_request', createRemoteBuffers, { work: true }),
  route('get_remote_buffers_request', getRemoteBuffers),
  route('release_blobs_with_rdma_request', noRdma)
]
