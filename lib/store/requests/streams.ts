import { isObjectId, type ObjectId } from '../../protocol/ids.js'
import { objectIdToDecimal } from '../../protocol/ids.js'
import type { WindowLimits } from '../../protocol/window.js'
import { RequestError } from '../request-error.js'
import { readBoolean, readFlag, readId, readInteger, readSize, type Request } from '../request.js'
import type { Policy, Sharing } from '../streams/stream.js'
import { type Handler, plainReply, route } from './handler.js'
import { payloadText } from './payload.js'

/** More readers than this have no use for one copy each of every chunk's place. */
const maxConsumers = 1024
const policies: readonly unknown[] = ['wait', 'drop', 'evict'] satisfies Policy[]

/** What the extension adds to the creation of a stream. */
function readSharing(request: Request): Sharing | undefined {
  if (request['consumers'] === undefined) return undefined
  const consumers = readSize(request, 'consumers')
  if (consumers < 1 || consumers > maxConsumers)
    throw RequestError.invalid(`a stream has 1 to ${maxConsumers} consumers`)
  const policy = request['policy'] ?? 'wait'
  if (!policies.includes(policy)) throw RequestError.invalid("the policy must be 'wait', 'drop' or 'evict'")
  const resumable = readFlag(request, 'resumable')
  if (resumable && policy !== 'wait')
    throw RequestError.invalid('a resumable stream waits for its readers: it loses nothing')
  return { consumers, policy: policy as Policy, resumable }
}

const createStream: Handler = (request, { engine, peer }) => {
  const sharing = peer.extension > 0 ? readSharing(request) : undefined
  engine.streams.table.create(readId(request, 'object_id'), sharing)
  return plainReply('create_stream_reply')
}

/** A writer's window, where it tells of it. */
function readWindow(value: unknown): WindowLimits | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null) throw RequestError.invalid('a window must be an object')
  const window = value as Request
  return { chunks: readSize(window, 'chunks'), bytes: readSize(window, 'bytes') }
}

const openStream: Handler = (request, { engine, peer }) => {
  const window = peer.extension > 0 ? readWindow(request['window']) : undefined
  engine.streams.open(peer, readId(request, 'object_id'), readInteger(request, 'mode'), window)
  return plainReply('open_stream_reply')
}

const getNextChunk: Handler = (request, { engine, peer }) =>
  engine.streams.writing.allocate(peer, readId(request, 'id'), readSize(request, 'size'), blob => {
    const fd = blob ? peer.announceFd(engine.poolFd) : -1
    return `{"buffer":${payloadText(blob, engine)},"fd":${fd},"type":"get_next_stream_chunk_reply"}`
  })

const pushChunk: Handler = (request, { engine, peer }) => {
  const bytes = engine.streams.writing.push(peer, readId(request, 'id'), readId(request, 'chunk'))
  const counted = peer.extension > 0 ? `"bytes":${bytes},` : ''
  return `{${counted}"type":"push_next_stream_chunk_reply"}`
}

const pullChunk: Handler = (request, { engine, peer }) =>
  engine.streams.reading.pull(peer, readId(request, 'id'), (chunk: ObjectId, missed: number) => {
    const { usage, limit } = engine.blobs
    const facts =
      peer.extension > 0
        ? `"memory_limit":${limit},"memory_usage":${usage},"readers":${engine.streams.table.readers},`
        : ''
    // Nothing is missed in a stream that others know, too.
    const loss = missed > 0 ? `"missed":${missed},` : ''
    return `{"chunk":${objectIdToDecimal(chunk)},${facts}${loss}"type":"pull_next_stream_chunk_reply"}`
  })

const stopStream: Handler = (request, { engine, peer }) => {
  engine.streams.stop(peer, readId(request, 'id'), readBoolean(request, 'failed'))
  return plainReply('stop_stream_reply')
}

const dropStream: Handler = (request, { engine, peer }) => {
  engine.streams.drop(peer, readId(request, 'id'))
  return plainReply('drop_stream_reply')
}

const demandRoom: Handler = (request, { engine, peer }) => {
  const id = request['id']
  if (peer.extension === 0 || !isObjectId(id)) return undefined
  const demand = { chunks: readSize(request, 'chunks'), bytes: readSize(request, 'bytes') }
  engine.streams.writing.demand(peer, id, demand)
  return undefined
}

const leaveStream: Handler = (request, { engine, peer }) => {
  const id = request['id']
  if (peer.extension > 0 && isObjectId(id)) engine.streams.leave(peer, id)
  return undefined
}

const keepLeases: Handler = (_request, { engine, peer }) => {
  if (peer.extension > 0) engine.retire(peer)
  return undefined
}

export const streamRoutes = [
  route('create_stream_request', createStream, { work: true }),
  route('open_stream_request', openStream, { work: true }),
  route('get_next_stream_chunk_request', getNextChunk, { work: true }),
  route('push_next_stream_chunk_request', pushChunk, { work: true }),
  route('pull_next_stream_chunk_request', pullChunk),
  route('stop_stream_request', stopStream),
  route('drop_stream_request', dropStream),
  route('demand_room', demandRoom, { oneWay: true }),
  route('leave_stream', leaveStream, { oneWay: true }),
  route('keep_leases', keepLeases, { oneWay: true })
]
