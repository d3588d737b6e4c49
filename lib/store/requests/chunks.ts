/** The composite requests of the extension: many chunks in one message, most of which never become objects. */
import { Template } from '../../protocol/template.js'
import { emptyBlobId, isBlobId, isObjectId, type ObjectId } from '../../protocol/ids.js'
import type { Blob } from '../blob.js'
import type { Engine } from '../engine.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import { readArray, readSize, readStrings } from '../request.js'
import type { Chunk, Stream } from '../streams/stream.js'
import { type Handler, route } from './handler.js'

/** A writer whose chunks have more forms than this writes the others step by step. */
const maxTemplates = 256

function readTextId(value: unknown): ObjectId {
  if (!isObjectId(value)) throw RequestError.invalid('an id must be a text')
  return value
}

function checkExtension(peer: Peer): void {
  if (peer.extension === 0) throw RequestError.invalid('the connection has not agreed on the extension')
}

/** One chunk of a write_chunks_request, checked: nothing has been changed yet. */
interface Written {
  blob: Blob
  number: number
  template: Template | undefined
  vars: readonly unknown[]
  spans: readonly number[]
}

/** `[template, blob, vars, spans]`, or `[-1, blob]` for a chunk that is the blob itself. */
function readWritten(value: unknown, engine: Engine, peer: Peer, stream: Stream): Written {
  if (!Array.isArray(value)) throw RequestError.invalid('a chunk must be an array')
  const [number, blobId, vars, spans] = value as unknown[]
  const blob = engine.blobs.find(readTextId(blobId))
  if (!blob || blob.creator !== peer)
    throw RequestError.invalid('a chunk is not an unsealed blob of this connection')
  if (number === -1) return { blob, number, template: undefined, vars: [], spans: [] }
  const template = stream.templates[number as number]
  if (!template) throw RequestError.invalid('a chunk has no template')
  if (!Array.isArray(vars) || vars.length !== template.vars) {
    throw RequestError.invalid('a chunk does not fit its template')
  }
  return { blob, number: number as number, template, vars, spans: readSpans(spans, template, blob) }
}

function readSpans(spans: unknown, template: Template, blob: Blob): readonly number[] {
  if (!Array.isArray(spans) || spans.length !== 2 * template.blobs) {
    throw RequestError.invalid('a chunk does not fit its template')
  }
  for (let i = 0; i < spans.length; i += 2) {
    const at: unknown = spans[i]
    const size: unknown = spans[i + 1]
    if (
      !Number.isSafeInteger(at) ||
      !Number.isSafeInteger(size) ||
      (at as number) < 0 ||
      (size as number) < 0
    ) {
      throw RequestError.invalid('a span must be two sizes')
    }
    if ((at as number) + (size as number) > blob.size)
      throw RequestError.invalid('a span lies outside its blob')
  }
  return spans as number[]
}

function readTemplate(text: string): Template {
  try {
    return new Template(text)
  } catch (error) {
    throw RequestError.invalid(`a template cannot be used: ${(error as Error).message.slice(0, 200)}`)
  }
}

const writeChunks: Handler = (request, { engine, peer }) => {
  checkExtension(peer)
  const stream = engine.streams.writing.writable(peer, readTextId(request['id']))
  for (const text of readStrings(request, 'templates')) {
    if (stream.templates.length >= maxTemplates)
      throw RequestError.invalid('the stream has too many templates')
    stream.templates.push(readTemplate(text))
  }
  const written = readArray(request, 'chunks').map(chunk => readWritten(chunk, engine, peer, stream))
  if (new Set(written.map(({ blob }) => blob)).size < written.length) {
    throw RequestError.invalid('two chunks have the same blob')
  }
  const chunks = written.map(({ blob, number, template, vars, spans }): Chunk => {
    engine.blobs.seal(blob)
    engine.blobs.unscope(blob)
    const id = template ? engine.compact.add({ number, template, vars, spans, blob }) : blob.id
    return { id, bytes: blob.size }
  })
  engine.streams.writing.queue(stream, chunks)
  return `{"ids":[${chunks.map(({ id }) => `"${id}"`).join(',')}],"type":"write_chunks_reply"}`
}

/** What a reader needs of one chunk: all of it, leased, or the id of an object that it has to ask for. */
function chunkText(id: ObjectId, engine: Engine, peer: Peer): string {
  const compact = engine.compact.find(id)
  const blob = compact?.blob ?? (isBlobId(id) && id !== emptyBlobId ? engine.blobs.find(id) : undefined)
  if (!blob?.sealed) return `"${id}"`
  engine.blobs.lease(peer, blob)
  const place = `"${blob.id}",${blob.offset},${blob.size}`
  if (!compact) return `["${id}",-1,[],[],${place}]`
  const { number, vars, spans } = compact
  return `["${id}",${number},${JSON.stringify(vars)},[${spans.join(',')}],${place}]`
}

const pullChunks: Handler = (request, { engine, peer }) => {
  checkExtension(peer)
  const id = readTextId(request['id'])
  const limits = { max: readSize(request, 'max'), maxBytes: readSize(request, 'max_bytes') }
  const known = readSize(request, 'templates')
  engine.streams.reading.leave(peer, id, readSize(request, 'consumed'))
  return engine.streams.reading.pullMany(peer, id, limits, chunks => {
    const texts = chunks.map(chunk => chunkText(chunk.id, engine, peer))
    const templates = engine.streams.table.find(id)?.templates.slice(known) ?? []
    const { usage, limit } = engine.blobs
    return (
      `{"chunks":[${texts.join(',')}],"fd":${peer.announceFd(engine.poolFd)},"memory_limit":${limit},` +
      `"memory_usage":${usage},"readers":${engine.streams.table.readers},"store_fd":${engine.poolFd},` +
      `"templates":${JSON.stringify(templates.map(({ text }) => text))},"type":"pull_chunks_reply"}`
    )
  })
}

const consumeChunks: Handler = (request, { engine, peer }) => {
  if (peer.extension > 0)
    engine.streams.reading.leave(peer, readTextId(request['id']), readSize(request, 'count'))
  return undefined
}

export const chunkRoutes = [
  route('write_chunks_request', writeChunks, { work: true }),
  route('pull_chunks_request', pullChunks),
  route('consume_chunks', consumeChunks, { oneWay: true })
]
