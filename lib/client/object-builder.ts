import { BlobDraft, ExistingObject, ObjectDraft, type Draft } from '../objects/model.js'
import { emptyBlobId, type ObjectId } from '../protocol/ids.js'
import type { Stringifiable } from '../protocol/json.js'
import type { Payload } from '../protocol/payload.js'
import { maxObjects } from '../protocol/request-limits.js'
import { allocateBlobs, dropBlobs, uploadBlobs, type AllocateOptions } from './blob-allocation.js'
import type { Connection } from './connection.js'
import { divide } from './divide.js'
import { sealBuffer } from './requests/blobs.js'
import { createData, deleteData } from './requests/metadata.js'

/** A draft that has become objects on the server. */
export interface BuiltObject {
  id: ObjectId
  /** Bytes of shared memory its blobs take. */
  bytes: number
  /** What was made for it: blobs and member objects. */
  parts: ObjectId[]
}

export interface BuildOptions extends AllocateOptions {
  /** On the store: delete the object with the connection unless it has been pushed, named or persisted by then. */
  scopedRoot: boolean
}

/**
 * Makes the objects of a draft: all blobs, filled and sealed, then the metadata from the leaves up, one request a level.
 * What it made is deleted again if it fails half-way.
 */
export async function buildObject(
  connection: Connection,
  draft: Draft,
  options: BuildOptions
): Promise<BuiltObject> {
  const begun = await beginObject(connection, draft, options)
  const id = await begun.finish()
  return { id, bytes: begun.bytes, parts: begun.parts.filter(part => part !== id) }
}

/** A draft whose blobs are filled. */
export interface BegunObject {
  /** Bytes of shared memory its blobs take. */
  readonly bytes: number
  /** What has been made for it so far. */
  readonly parts: readonly ObjectId[]
  /** The id that it will have, where that is known already. */
  readonly id: ObjectId | undefined
  /** Sends what is missing, and resolves with the id when the server has it. */
  finish(): Promise<ObjectId>
  /** Instead of `finish`: frees the blobs. */
  abandon(): Promise<void>
}

/** The first part of `buildObject`, which is all that waits for memory. */
export async function beginObject(
  connection: Connection,
  draft: Draft,
  options: BuildOptions
): Promise<BegunObject> {
  if (draft instanceof ExistingObject) {
    const { id } = draft.meta
    return { bytes: 0, parts: [], id, finish: () => Promise.resolve(id), abandon: () => Promise.resolve() }
  }
  const { levels, blobs } = layOut(draft)
  const made = await fillBlobs(connection, [...blobs], options)
  const ids = new Map<Draft, ObjectId>()
  const parts: ObjectId[] = []
  for (const [blob, payload] of made) {
    ids.set(blob, payload.id)
    if (payload.size > 0) parts.push(payload.id)
  }
  const finish = async (): Promise<ObjectId> => {
    try {
      // Members own blobs: where this process is killed in between, what owns nothing is easier to free.
      if (!connection.remote) await Promise.all([...made.values()].map(blob => sealFilled(connection, blob)))
      await createLevels(connection, draft, levels, ids, parts, options)
    } catch (error) {
      // A blob that is the whole object may have been given away before its sealing was answered.
      if (draft instanceof ObjectDraft || !connection.closed) await undo(connection, ids, [...made.values()])
      throw error
    }
    return ids.get(draft) as ObjectId
  }
  const abandon = (): Promise<void> => dropBlobs(connection, [...made.values()])
  return { bytes: sizeOf(blobs), parts, id: ids.get(draft), finish, abandon }
}

async function sealFilled(connection: Connection, { id, size }: Payload): Promise<void> {
  if (size > 0) await sealBuffer(connection, id)
}

async function createLevels(
  connection: Connection,
  draft: Draft,
  levels: readonly ObjectDraft[][],
  ids: Map<Draft, ObjectId>,
  parts: ObjectId[],
  options: BuildOptions
): Promise<void> {
  for (const objects of levels.flatMap(level => divide(level, maxObjects))) {
    const created = await createData(
      connection,
      objects.map(object => metadataOf(object, ids, connection.info.instanceId)),
      connection.scopes && (options.scopedRoot || !objects.includes(draft as ObjectDraft))
    )
    objects.forEach((object, index) => ids.set(object, created[index] as ObjectId))
    parts.push(...created)
  }
}

/** Bytes of shared memory that a draft will take. */
export function draftBytes(draft: Draft): number {
  return sizeOf(layOut(draft).blobs)
}

function sizeOf(blobs: ReadonlySet<BlobDraft>): number {
  let bytes = 0
  for (const blob of blobs) bytes += blob.size
  return bytes
}

/** The objects of a draft by height, leaves first, and its blobs. A part that is used twice is made once. */
function layOut(draft: Draft): { levels: ObjectDraft[][]; blobs: Set<BlobDraft> } {
  const levels: ObjectDraft[][] = []
  const blobs = new Set<BlobDraft>()
  const heights = new Map<Draft, number>()
  const visit = (part: Draft): number => {
    if (part instanceof BlobDraft) {
      blobs.add(part)
      return 0
    }
    if (part instanceof ExistingObject) return 0
    const known = heights.get(part)
    if (known !== undefined) return known
    const height = Object.values(part.members).reduce(
      (highest, member) => Math.max(highest, visit(member)),
      0
    )
    ;(levels[height] ??= []).push(part)
    heights.set(part, height + 1)
    return height + 1
  }
  visit(draft)
  return { levels, blobs }
}

/** Over TCP they are sealed as well. */
async function fillBlobs(
  connection: Connection,
  drafts: readonly BlobDraft[],
  options: AllocateOptions
): Promise<Map<BlobDraft, Payload>> {
  if (connection.remote) {
    const uploaded = await uploadBlobs(connection, drafts, options)
    return new Map(drafts.map((draft, index) => [draft, uploaded[index] as Payload]))
  }
  const sizes = drafts.map(draft => draft.size)
  const payloads = await allocateBlobs(connection, sizes, options)
  const made = new Map(drafts.map((draft, index) => [draft, payloads[index] as Payload]))
  const filled = [...made].filter(([draft]) => draft.size > 0)
  try {
    for (const [draft, payload] of filled) {
      connection.descriptors.region(payload).write(payload.offset, payload.size, draft.fill)
    }
  } catch (error) {
    await dropBlobs(connection, payloads)
    throw error
  }
  return made
}

function metadataOf(
  object: ObjectDraft,
  ids: Map<Draft, ObjectId>,
  instanceId: number | bigint
): Stringifiable {
  const members: Record<string, Stringifiable> = {}
  for (const [key, member] of Object.entries(object.members)) {
    if (member instanceof BlobDraft) {
      members[key] = {
        id: member.size === 0 ? emptyBlobId : ids.get(member),
        typename: 'vineyard::Blob',
        instance_id: instanceId,
        length: member.size,
        nbytes: member.size,
        transient: true
      }
    } else {
      members[key] = { id: member instanceof ExistingObject ? member.meta.id : ids.get(member) }
    }
  }
  return {
    nbytes: 0,
    global: false,
    ...object.fields,
    ...members,
    typename: object.typename,
    instance_id: instanceId
  }
}

/** Takes back a half-made object. Errors are ignored: the one that led here is the one to report. */
async function undo(
  connection: Connection,
  ids: Map<Draft, ObjectId>,
  payloads: readonly Payload[]
): Promise<void> {
  const objects = [...ids].filter(([draft]) => draft instanceof ObjectDraft).map(([, id]) => id)
  const over = connection.successor ?? connection
  await Promise.allSettled([
    dropBlobs(connection, payloads),
    ...(objects.length > 0 ? [deleteData(over, objects.reverse(), { force: true, deep: true })] : [])
  ])
}
