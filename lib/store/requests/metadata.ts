import { Status } from '../../errors.js'
import { emptyBlobId, invalidId, isBlobId, type ObjectId, objectIdToDecimal } from '../../protocol/ids.js'
import { maxObjects } from '../../protocol/request-limits.js'
import type { Engine } from '../engine.js'
import { matchAll } from '../patterns.js'
import { RequestError } from '../request-error.js'
import {
  readArray,
  readFlag,
  readId,
  readIds,
  readSize,
  readString,
  readStrings,
  type Request
} from '../request.js'
import { type Handler, plainReply, type RequestContext, route } from './handler.js'

/** A get_data reply may be this long: it is made while everybody else waits. */
const maxReply = 128 * 1024 * 1024
/** A request that waits is remembered under each id that it waits for. */
const maxAwaited = 65_536

function blobText(id: ObjectId, size: number): string {
  return `{"id":"${id}","instance_id":0,"length":${size},"nbytes":${size},"transient":true,"typename":"vineyard::Blob"}`
}

/** Metadata as text, or undefined where there is none: unknown ids and unsealed blobs. */
function describe(engine: Engine, id: ObjectId): string | undefined {
  if (!isBlobId(id)) return engine.metadata.find(id)?.text()
  if (id === emptyBlobId) return blobText(id, 0)
  if (id === invalidId) return blobText(id, engine.blobs.limit)
  const blob = engine.blobs.find(id)
  return blob?.sealed ? blobText(id, blob.size) : undefined
}

/** The reply of get_data and list_data: objects by their ids, in order; null where there is none. */
function dataReply(engine: Engine, ids: Iterable<ObjectId>): string {
  let content = ''
  for (const id of ids) {
    const text = describe(engine, id)
    if (text === undefined) continue
    content += `${content === '' ? '' : ','}"${id}":${text}`
    if (content.length > maxReply) throw RequestError.invalid('the reply would be too long')
  }
  return `{"content":${content === '' ? 'null' : `{${content}}`},"type":"get_data_reply"}`
}

const createData: Handler = (request, { engine }) => {
  const [created] = engine.metadata.create([request['content']])
  const { record, signature } = created!
  return (
    `{"id":${record.decimal},"instance_id":${record.instance},"signature":${signature},` +
    '"type":"create_data_reply"}'
  )
}

const createDatas: Handler = (request, { engine, peer }) => {
  const scoped = peer.scopes && readFlag(request, 'scoped')
  const created = engine.metadata.create(readArray(request, 'contents', maxObjects))
  if (scoped) for (const { record } of created) engine.scopeObject(record, peer)
  const ids = created.map(({ record }) => record.decimal)
  const instances = created.map(({ record }) => record.instance)
  const signatures = created.map(({ signature }) => signature)
  return (
    `{"ids":[${ids.join(',')}],"instance_ids":[${instances.join(',')}],"num":${created.length},` +
    `"signatures":[${signatures.join(',')}],"type":"create_datas_reply"}`
  )
}

function exists(engine: Engine, id: ObjectId): boolean {
  if (isBlobId(id)) return engine.blobs.exists(id)
  try {
    return engine.metadata.find(id) !== undefined
  } catch {
    // It is there, but there is no room for the objects that it would become.
    return true
  }
}

const getData: Handler = (request, { engine }) => {
  const ids = [...new Set(readIds(request, 'id'))].sort()
  readFlag(request, 'sync_remote')
  const missing = (): boolean => !ids.every(id => exists(engine, id))
  if (!readFlag(request, 'wait') || !missing()) return dataReply(engine, ids)
  if (ids.length > maxAwaited) throw RequestError.invalid(`at most ${maxAwaited} objects can be waited for`)
  return engine.objectWaits.wait(ids, missing, () => dataReply(engine, ids))
}

function idsOfTypes(engine: Engine, typenames: ReadonlySet<string>, limit: number): ObjectId[] {
  const ids: ObjectId[] = []
  if (typenames.size === 0) return ids
  for (const record of engine.metadata.all()) {
    if (ids.length >= limit) break
    if (typenames.has(record.typename)) ids.push(record.id)
  }
  return ids
}

const listData: Handler = (request, { engine }) => {
  const pattern = readString(request, 'pattern')
  const isRegex = readFlag(request, 'regex')
  const limit = readSize(request, 'limit')
  if (limit === 0) return dataReply(engine, [])
  const typenames = new Set<string>()
  for (const record of engine.metadata.all()) typenames.add(record.typename)
  for (const typename of engine.compact.typenames()) typenames.add(typename)
  const names = [...typenames]
  const matches = matchAll(pattern, isRegex, names)
  const wanted = new Set(names.filter((_, index) => matches[index]))
  const ids = idsOfTypes(engine, wanted, limit)
  if (ids.length < limit && engine.compact.makeSome(wanted, limit - ids.length)) {
    ids.splice(0, ids.length, ...idsOfTypes(engine, wanted, limit))
  }
  // Blobs come last, and by the pattern read as a glob even if it is an expression.
  if (ids.length < limit && matchAll(pattern, false, ['vineyard::Blob'])[0]) {
    for (const blob of engine.blobs.all()) {
      if (ids.length >= limit) break
      if (blob.sealed) ids.push(blob.id)
    }
  }
  return dataReply(engine, ids)
}

function remove(request: Request, { engine, peer }: RequestContext): ObjectId[] {
  const ids = readIds(request, 'id')
  const options = { force: readFlag(request, 'force'), deep: readFlag(request, 'deep') }
  const trim = readFlag(request, 'memory_trim')
  let blobs: ObjectId[]
  if (readFlag(request, 'fastpath')) {
    if (!ids.every(isBlobId))
      throw new RequestError(Status.AssertionFailed, 'the fast path can only delete blobs')
    blobs = ids
    for (const id of ids) engine.deleteBlob(id, peer)
  } else {
    blobs = engine.delete(ids, options, peer)
  }
  if (trim) engine.blobs.trim()
  return blobs
}

const delData: Handler = (request, context) => {
  remove(request, context)
  return plainReply('del_data_reply')
}

const delDataWithFeedbacks: Handler = (request, context) => {
  const ids = remove(request, context).map(objectIdToDecimal)
  return `{"deleted_bids":[${ids.join(',')}],"type":"del_data_with_feedbacks_reply"}`
}

const existsRequest: Handler = (request, { engine }) =>
  `{"exists":${exists(engine, readId(request, 'id'))},"type":"exists_reply"}`

const persist: Handler = (request, { engine }) => {
  const id = readId(request, 'id')
  engine.metadata.persist(id)
  engine.unscopeObject(engine.metadata.find(id))
  return plainReply('persist_reply')
}

const ifPersist: Handler = (request, { engine }) =>
  `{"persist":${engine.metadata.isPersistent(readId(request, 'id'))},"type":"if_persist_reply"}`

const label: Handler = (request, { engine }) => {
  const id = readId(request, 'id')
  const keys = readStrings(request, 'keys')
  const values = readStrings(request, 'values')
  if (values.length < keys.length) throw RequestError.invalid('there are fewer values than keys')
  const record = engine.metadata.find(id)
  if (!record && describe(engine, id) === undefined) {
    throw new RequestError(Status.ObjectNotExists, `there is no object ${id}`)
  }
  if (record) engine.metadata.label(record, new Map(keys.map((key, index) => [key, values[index]!])))
  return plainReply('label_reply')
}

const clear: Handler = (_request, { engine, peer }) => {
  engine.clear(peer)
  return plainReply('clear_reply')
}

const memoryTrim: Handler = (_request, { engine }) =>
  `{"trimmed":${engine.blobs.trim() > 0},"type":"memory_trim_reply"}`

const shallowCopy: Handler = (request, { engine }) => {
  const copy = engine.metadata.shallowCopy(
    readId(request, 'id'),
    request['extra'] === undefined ? {} : request['extra']
  )
  return `{"target_id":${copy.decimal},"type":"shallow_copy_reply"}`
}

/** This store is alone, so an object is either here or cannot be brought here. */
const migrate: Handler = (request, { engine }) => {
  const id = readId(request, 'object_id')
  if (isBlobId(id)) throw RequestError.invalid('a blob cannot be migrated')
  const record = engine.metadata.get(id)
  if (record.isGlobal) throw RequestError.invalid('a global object cannot be migrated')
  if (record.instance !== '0') throw RequestError.invalid('the instance of the object is not known')
  return `{"object_id":${record.decimal},"type":"migrate_object_reply"}`
}

export const metadataRoutes = [
  route('create_data_request', createData, { work: true }),
  route('create_datas_request', createDatas, { work: true }),
  route('get_data_request', getData),
  route('list_data_request', listData),
  route('del_data_request', delData),
  route('del_data_with_feedbacks_request', delDataWithFeedbacks),
  route('exists_request', existsRequest),
  route('persist_request', persist),
  route('if_persist_request', ifPersist),
  route('label_request', label),
  route('clear_request', clear),
  route('memory_trim_request', memoryTrim),
  route('shallow_copy_request', shallowCopy, { work: true }),
  route('migrate_object_request', migrate)
]
