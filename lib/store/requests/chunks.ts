/** The composite requests of the extension: many chunks in one message, most of which never become objects. */
import { Status } from '../../errors.js'
import { Template } from '../../protocol/template.js'
import { emptyBlobId, isBlobId, isObjectId, type ObjectId } from '../../protocol/ids.js'
import { maxSlotSizes } from '../../protocol/request-limits.js'
import type { Blob } from '../blob.js'
import { type ChunkValues, heapBytesOfChunk } from '../compact-chunks.js'
import type { Engine } from '../engine.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import { readArray, readFlag, readSize, readStrings, toSize, type Request } from '../request.js'
import type { Chunk, Stream } from '../streams/stream.js'
import { type Handler, type RequestContext, route } from './handler.js'

/** A writer whose chunks have more forms than this writes the others step by step. */
const maxTemplates = 256

function readTextId(value: unknown): ObjectId {
  if (!isObjectId(value)) throw RequestError.invalid('an id must be a text')
  return value
}

function checkExtension(peer: Peer): void {
  if (peer.extension === 0) throw RequestError.invalid('the connection has not agreed on the extension')
}

/** A chunk of a write_chunks_request, checked: nothing has been changed yet. */
interface Written {
  blob: Blob
  number: number
  /** Undefined for a chunk that is a blob. */
  template: Template | undefined
  at: number
  size: number
  /** It lies in a block, which stays the writer's. */
  shared: boolean
  values: ChunkValues | undefined
}

function readUnsealed(value: unknown, { engine, peer }: RequestContext): Blob {
  const blob = engine.blobs.find(readTextId(value))
  if (!blob || blob.sealed || blob.creator !== peer)
    throw RequestError.invalid('a chunk is not in an unsealed blob of this connection')
  return blob
}

function findTemplate(stream: Stream, number: unknown): Template | undefined {
  if (number === -1) return undefined
  const template = stream.templates[number as number]
  if (!template) throw RequestError.invalid('a chunk has no template')
  return template
}

/** Adds what one element of `chunks` stands for; lib/protocol/extension.ts says which forms there are. */
function readWritten(value: unknown, stream: Stream, context: RequestContext, written: Written[]): void {
  if (!Array.isArray(value)) throw RequestError.invalid('a chunk must be an array')
  const element = value as unknown[]
  if (typeof element[0] === 'string') {
    readBlock(element, stream, context, written)
    return
  }
  const [number, blobId] = element
  const blob = readUnsealed(blobId, context)
  const template = findTemplate(stream, number)
  const hasValues = element.length > 3
  const size = readPart(hasValues ? element[4] : element[2], template, blob)
  let values: ChunkValues | undefined
  if (template && hasValues) {
    const [, , vars, spans] = element
    const valid = Array.isArray(vars) && vars.length === template.vars
    if (!valid || vars.some(value => typeof value === 'object')) {
      throw RequestError.invalid('a chunk does not fit its template')
    }
    values = { vars, spans: readSpans(spans, template, size) }
  }
  written.push({ blob, number: number as number, template, at: 0, size, shared: false, values })
}

function readBlock(element: unknown[], stream: Stream, context: RequestContext, written: Written[]): void {
  const blob = readUnsealed(element[0], context)
  if (element.length % 3 !== 1) throw RequestError.invalid('a chunk in a block must be three numbers')
  for (let i = 1; i < element.length; i += 3) {
    const at = element[i + 1] as number
    const size = element[i + 2] as number
    const valid = Number.isSafeInteger(at) && Number.isSafeInteger(size) && at >= 0 && size > 0
    if (!valid || at + size > blob.size) throw RequestError.invalid('a chunk lies outside its block')
    const template = findTemplate(stream, element[i])
    const number = element[i] as number
    written.push({ blob, number, template, at, size, shared: true, values: undefined })
  }
}

/** How much of a blob is the chunk: what has no template is all of it. */
function readPart(size: unknown, template: Template | undefined, blob: Blob): number {
  if (size === undefined) return blob.size
  if (!template || !Number.isSafeInteger(size) || (size as number) < 1 || (size as number) > blob.size)
    throw RequestError.invalid('a chunk is no part of its blob')
  return size as number
}

function readSpans(spans: unknown, template: Template, bytes: number): readonly number[] {
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
    if ((at as number) + (size as number) > bytes) throw RequestError.invalid('a span lies outside its chunk')
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

const writeChunks: Handler = (request, context) => {
  const { engine, peer } = context
  checkExtension(peer)
  const stream = engine.streams.writing.writable(peer, readTextId(request['id']), 0)
  try {
    return writeTo(stream, request, context)
  } catch (error) {
    if (error instanceof RequestError && error.status === Status.NotEnoughMemory)
      engine.streams.refused(stream, peer)
    throw error
  }
}

function writeTo(stream: Stream, request: Request, context: RequestContext): string {
  const { engine, peer } = context
  for (const text of readStrings(request, 'templates')) {
    if (stream.templates.length >= maxTemplates)
      throw RequestError.invalid('the stream has too many templates')
    engine.streams.table.addTemplate(stream, readTemplate(text))
  }
  const written: Written[] = []
  for (const chunk of readArray(request, 'chunks')) readWritten(chunk, stream, context, written)
  const own = written.filter(({ shared }) => !shared).map(({ blob }) => blob)
  const done = readArray(request, 'done').map(id => readUnsealed(id, context))
  if (new Set(own).size < own.length || written.some(({ shared, blob }) => shared && own.includes(blob))) {
    throw RequestError.invalid('two chunks have the same blob')
  }
  admit(stream, written, engine)
  const chunks = written.map((chunk): Chunk => {
    const { blob, template, size, shared, values } = chunk
    if (shared) engine.blobs.share(blob)
    // A header is no data: it does not count.
    const bytes = template && !values ? Math.max(0, size - template.headerBytes) : size
    return { id: take(chunk, context), bytes, block: shared ? blob : undefined }
  })
  engine.streams.writing.queue(stream, chunks)
  for (const block of done) engine.blobs.delete(block, peer)
  const ids = readFlag(request, 'ids') ? `"ids":[${chunks.map(({ id }) => `"${id}"`).join(',')}],` : ''
  return `{${ids}${makeSlots(request, context)}"type":"write_chunks_reply"}`
}

/** Throws 41 where there is no room for these chunks. */
function admit(stream: Stream, written: readonly Written[], { streams, blobs }: Engine): void {
  let parts = 0
  let bytes = 0
  for (const { template, values, shared } of written) {
    if (template) bytes += heapBytesOfChunk(values)
    else if (shared) parts += 1
  }
  if (written.length > 0) streams.writing.admit(stream, written.length, bytes)
  if (parts > 0) blobs.admit(parts)
}

/** No writer needs more in advance with one request. */
const maxSlots = 64

/** Memory in advance, as much as there is of what was asked for. */
function makeSlots(request: Request, { engine, peer }: RequestContext): string {
  if (request['slots'] === undefined) return ''
  let made = false
  const texts = readArray(request, 'slots', maxSlotSizes).map(wanted => {
    const [count, size] = (Array.isArray(wanted) ? wanted : []) as unknown[]
    const slots: string[] = []
    const bytes = toSize(size, 'slots')
    for (let left = Math.min(toSize(count, 'slots'), maxSlots); left > 0 && bytes > 0; left -= 1) {
      const blob = engine.memory.admits(bytes) ? engine.blobs.create(bytes, peer, true, 'perhaps') : undefined
      if (!blob) break
      slots.push(`"${blob.id}",${blob.offset}`)
    }
    made ||= slots.length > 0
    return `[${slots.join(',')}]`
  })
  const fd = made ? peer.announceFd(engine.poolFd) : -1
  return `"fd":${fd},"slots":[${texts.join(',')}],"store_fd":${engine.poolFd},`
}

/** Makes it a chunk, and returns its id. */
function take(
  { blob, number, template, at, size, shared, values }: Written,
  { engine, peer }: RequestContext
): ObjectId {
  if (shared) {
    if (template) return engine.compact.add(number, template, blob, at, size, true)
    return engine.blobs.part(blob, at, size).id
  }
  engine.blobs.seal(blob, peer)
  engine.blobs.unscope(blob)
  return template ? engine.compact.add(number, template, blob, at, size, false, values) : blob.id
}

/** What a reader needs of one chunk: all of it, or the id of an object that it has to ask for. */
function chunkText({ id, block }: Chunk, engine: Engine, peer: Peer): string {
  const compact = engine.compact.find(id)
  if (compact) {
    const { number, blob, at, size, values } = compact
    const offset = blob.offset + at
    if (block) return `["${id}",${number},${offset},${size}]`
    engine.blobs.lease(peer, blob)
    if (!values) return `["${id}",${number},${offset},${size},"${blob.id}"]`
    const { vars, spans } = values
    return `["${id}",${number},${JSON.stringify(vars)},[${spans.join(',')}],"${blob.id}",${offset},${size}]`
  }
  const blob = isBlobId(id) && id !== emptyBlobId ? engine.blobs.find(id) : undefined
  if (!blob?.sealed) return `"${id}"`
  if (block) return `["${id}",-1,${blob.offset},${blob.size}]`
  engine.blobs.lease(peer, blob)
  return `["${id}",-1,${blob.offset},${blob.size},"${id}"]`
}

const pullChunks: Handler = (request, { engine, peer }) => {
  checkExtension(peer)
  const id = readTextId(request['id'])
  const limits = { max: readSize(request, 'max'), maxBytes: readSize(request, 'max_bytes') }
  const known = readSize(request, 'templates')
  release(request, engine, peer)
  engine.streams.reading.leave(peer, id, readSize(request, 'consumed'))
  return engine.streams.reading.pullMany(peer, id, limits, (chunks, missed) => {
    const texts = chunks.map(chunk => chunkText(chunk, engine, peer))
    const templates = engine.streams.table.find(id)?.templates.slice(known) ?? []
    const { usage, limit } = engine.blobs
    return (
      `{"chunks":[${texts.join(',')}],"fd":${peer.announceFd(engine.poolFd)},"memory_limit":${limit},` +
      `"memory_usage":${usage},"missed":${missed},"readers":${engine.streams.table.readers},"store_fd":${engine.poolFd},` +
      `"templates":${JSON.stringify(templates.map(({ text }) => text))},"type":"pull_chunks_reply"}`
    )
  })
}

/** Leases that are given back with another message. */
function release(request: Request, engine: Engine, peer: Peer): void {
  if (request['released'] === undefined) return
  for (const id of readArray(request, 'released', Infinity)) engine.blobs.unlease(peer, readTextId(id))
}

const consumeChunks: Handler = (request, { engine, peer }) => {
  if (peer.extension === 0) return undefined
  release(request, engine, peer)
  engine.streams.reading.leave(peer, readTextId(request['id']), readSize(request, 'count'))
  return undefined
}

export const chunkRoutes = [
  route('write_chunks_request', writeChunks, { work: true }),
  route('pull_chunks_request', pullChunks),
  route('consume_chunks', consumeChunks, { oneWay: true })
]
