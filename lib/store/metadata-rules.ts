import { Status } from '../errors.js'
import type { ObjectId } from '../protocol/ids.js'
import { maxFields } from '../protocol/request-limits.js'
import { type Field, Link, type ObjectRecord } from './object-record.js'
import { RequestError } from './request-error.js'
import { isNumber, type Request, toU64 } from './request.js'
import { byteOrder, maxDepth, tooDeep, valueText } from './value-text.js'

/** The instance of an object whose members are on several. */
const unspecifiedInstance = (2n ** 64n - 1n).toString()
/** Longer metadata, members included, is refused: it could not be sent in one reply. */
const maxWeight = 64 * 1024 * 1024

/** Finds objects by id. */
export type FindObject = (id: string) => ObjectRecord | undefined

/** What the rules found about an object that is to be made. */
export interface Description {
  fields: Map<string, Field>
  typename: string
  /** Decimal digits. */
  instance: string
  isGlobal: boolean
  transient: boolean | undefined
  blobs: Set<ObjectId>
  /** Decimal digits, where the writer gave one. */
  signature: string | undefined
}

/** One member, as far as its owner is concerned. */
interface Member {
  field: Field
  instance: string
  isGlobal: boolean
  blob: ObjectId | undefined
}

function invalid(message: string): RequestError {
  return new RequestError(Status.MetaTreeInvalid, message)
}

/** Throws where an object has more fields than others should wait for. */
export function checkFields(count: number): void {
  if (count > maxFields) throw RequestError.invalid(`an object has at most ${maxFields} fields`)
}

/** Throws where metadata are too long. */
export function checkWeight(weight: number): void {
  if (weight > maxWeight) throw invalid('the metadata is too long with its members')
}

function isObject(value: unknown): value is Request {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readInstance(tree: Request): string {
  const instance = toU64(tree['instance_id'])
  if (instance === undefined) throw invalid("the field 'instance_id' of a member must be a number")
  return instance.toString()
}

function readGlobal(tree: Request): boolean {
  const value = own(tree, 'global')
  if (value === undefined) return false
  if (typeof value !== 'boolean') throw invalid("the field 'global' must be a boolean")
  return value
}

/** A field of its own: `constructor` and its like are nothing that a peer has sent. */
function own(tree: Request, key: string): unknown {
  return Object.hasOwn(tree, key) ? tree[key] : undefined
}

function readName(member: Request): string {
  if (!Object.hasOwn(member, 'id')) {
    throw new RequestError(Status.MetaTreeNameNotExists, "a member object must have the field 'id'")
  }
  const name = member['id']
  if (isObject(name))
    throw new RequestError(Status.MetaTreeNameInvalid, "the 'id' of a member must be a string")
  if (typeof name !== 'string' || isNumber(name)) throw invalid("the 'id' of a member must be a string")
  if (name.includes('/'))
    throw new RequestError(Status.MetaTreeNameInvalid, `'${name.slice(0, 80)}' is not an id`)
  return name
}

/** Upstream's reading of an id: the first character is skipped, the rest is hexadecimal. */
function canonical(name: string): ObjectId {
  const digits = /^[0-9a-f]*/i
    .exec(name.slice(1))![0]
    .toLowerCase()
    .replace(/^0+(?=.)/, '')
  return `o${digits.length > 16 ? 'f'.repeat(16) : digits.padStart(16, '0')}` as ObjectId
}

/**
 * Checks metadata as it came in a request and describes the object it makes. Throws RequestError with the status that
 * upstream gives: 21 wrong types, 7 what is missing or a blob, 23 to 27 members that are wrong or do not exist, 51 members
 * that a local or global object must not have.
 */
export function describeObject(content: unknown, find: FindObject): Description {
  if (!isObject(content)) throw RequestError.invalid('the metadata of an object must be a JSON object')
  const typename = own(content, 'typename')
  if (typeof typename !== 'string' || isNumber(typename)) throw invalid("no 'typename' field in the metadata")
  if (typename === 'vineyard::Blob') throw new RequestError(Status.AssertionFailed, 'a blob has no metadata')
  if (!Object.hasOwn(content, 'instance_id')) {
    throw new RequestError(Status.AssertionFailed, "the field 'instance_id' must be present")
  }
  const signature = own(content, 'signature')
  const signatureValue = signature === undefined ? undefined : toU64(signature)
  if (signature !== undefined && signatureValue === undefined) {
    throw RequestError.invalid("the field 'signature' must be a number")
  }
  const isGlobal = readGlobal(content)
  const fields = new Map<string, Field>([
    ['typename', JSON.stringify(typename)],
    ['transient', 'true']
  ])
  const blobs = new Set<ObjectId>()
  const ownInstance = readInstance(content)
  let instance = ownInstance
  let weight = 0
  const keys = Object.keys(content)
  checkFields(keys.length)
  for (const key of keys.sort(byteOrder)) {
    if (key === 'id' || key === 'typename' || key === 'instance_id') continue
    const value = content[key]
    if (!isObject(value)) {
      const text = valueText(value)
      weight += text.length
      fields.set(key, text)
      continue
    }
    const member = describeMember(value, isGlobal, instance, find, 0)
    if (member.instance !== instance) instance = unspecifiedInstance
    if (member.blob !== undefined) blobs.add(member.blob)
    if (typeof member.field !== 'string') {
      if (member.field.target.depth + 1 > maxDepth) throw tooDeep()
      weight += member.field.target.weight
    }
    checkWeight(weight)
    fields.set(key, member.field)
  }
  fields.set('instance_id', instance)
  const transient = Object.hasOwn(content, 'transient') ? content['transient'] : true
  return {
    fields,
    typename,
    instance,
    isGlobal,
    transient: typeof transient === 'boolean' ? transient : undefined,
    blobs,
    signature: signatureValue?.toString()
  }
}

/**
 * The rules for one member of an owner that is global or not and, so far, on `instance`. A member that exists is only
 * linked; what else its metadata says is checked and not stored.
 */
function describeMember(
  tree: Request,
  ownerIsGlobal: boolean,
  instance: string,
  find: FindObject,
  depth: number
): Member {
  if (depth > maxDepth) throw tooDeep()
  const name = readName(tree)
  const member = resolveMember(tree, name, find, depth)
  if (!ownerIsGlobal && member.instance !== instance) {
    throw new RequestError(Status.GlobalObjectInvalid, 'a local object cannot refer to remote objects')
  }
  const placeholder = Object.keys(tree).length === 1
  if (ownerIsGlobal && (placeholder ? member.isGlobal : readGlobal(tree))) {
    throw new RequestError(Status.GlobalObjectInvalid, 'a global object cannot have global members')
  }
  if (placeholder) return member
  if (!Object.hasOwn(tree, 'typename')) {
    throw new RequestError(Status.MetaTreeTypeNotExists, "a member object must have the field 'typename'")
  }
  const typename = tree['typename']
  if (isObject(typename)) throw new RequestError(22, "the 'typename' of a member must be a string")
  if (typeof typename !== 'string' || isNumber(typename))
    throw invalid("the 'typename' of a member must be a string")
  // Members of global objects are found by signature, also from other instances.
  if (ownerIsGlobal && toU64(own(tree, 'signature')) === undefined) {
    throw invalid("a member of a global object must have the field 'signature'")
  }
  return member
}

function resolveMember(tree: Request, name: string, find: FindObject, depth: number): Member {
  const isGlobal = readGlobal(tree)
  const existing = find(name)
  const keys = Object.keys(tree)
  if (keys.length === 1) {
    if (existing) {
      return {
        field: new Link(existing),
        instance: existing.instance,
        isGlobal: existing.isGlobal,
        blob: undefined
      }
    }
    if (isBlobName(name)) throw invalid("a blob cannot be added as a 'placeholder'")
    throw notFound(name)
  }
  if (!existing) {
    if (!isBlobName(name)) throw notFound(name)
    const blobInstance = readInstance(tree)
    return {
      field: blobText(name, blobInstance, own(tree, 'typename')),
      instance: blobInstance,
      isGlobal: false,
      blob: canonical(name)
    }
  }
  let instance = readInstance(tree)
  for (const key of keys.sort(byteOrder)) {
    if (key === 'id' || key === 'signature' || key === 'typename' || key === 'instance_id') continue
    const value = tree[key]
    if (!isObject(value)) continue
    const old = existing.fields.get(key)
    if (typeof old === 'string' && !old.startsWith('{')) throw invalid(`'${key}' of ${name} is not a member`)
    const member = describeMember(value, isGlobal, instance, find, depth + 1)
    if (member.instance !== instance) instance = unspecifiedInstance
  }
  return { field: new Link(existing), instance, isGlobal: existing.isGlobal, blob: undefined }
}

function isBlobName(name: string): boolean {
  return canonical(name).charCodeAt(1) >= 0x38
}

function notFound(name: string): RequestError {
  return new RequestError(Status.MetaTreeSubtreeNotExists, `there is no object ${name.slice(0, 80)}`)
}

/** A member blob as upstream shows it: never its real length. */
function blobText(name: string, instance: string, typename: unknown): string {
  const id = JSON.stringify(name)
  if (typename === 'vineyard::Blob' || typeof typename !== 'string') {
    return `{"id":${id},"instance_id":${instance},"length":0,"nbytes":0,"transient":true,"typename":"vineyard::Blob"}`
  }
  return `{"id":${id},"instance_id":${instance},"typename":${JSON.stringify(typename)}}`
}
