import { BlobDraft, ExistingObject, ObjectDraft, type Draft } from '../objects/model.js'
import { emptyBlobId, type ObjectId } from '../protocol/ids.js'
import type { Stringifiable } from '../protocol/json.js'
import type { Payload } from '../protocol/payload.js'
import { allocateBlobs, dropBlobs, uploadBlobs, type AllocateOptions } from './blob-allocation.js'
import type { Connection } from './connection.js'
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
  if (draft instanceof ExistingObject) return { id: draft.meta.id, bytes: 0, parts: [] }
  const { levels, blobs } = layOut(draft)
  const made = await fillBlobs(connection, [...blobs], options)
  const ids = new Map<Draft, ObjectId>()
  for (const [blob, payload] of made) ids.set(blob, payload.id)
  try {
    for (const level of levels) {
      const created = await createData(
        connection,
        level.map(object => metadataOf(object, ids, connection.info.instanceId)),
        connection.extended && (options.scopedRoot || !level.includes(draft as ObjectDraft))
      )
      level.forEach((object, index) => ids.set(object, created[index] as ObjectId))
    }
  } catch (error) {
    await undo(connection, ids, [...made.values()])
    throw error
  }
  const id = ids.get(draft) as ObjectId
  return { id, bytes: sizeOf(blobs), parts: [...ids.values()].filter(part => part !== id) }
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

async function fillBlobs(
  connection: Connection,
  drafts: readonly BlobDraft[],
  options: AllocateOptions
): Promise<Map<BlobDraft, Payload>> {
  if (connection.remote) {
    const uploaded = await uploadBlobs(connection, drafts, options)
    return new Map(drafts.map((draft, index) => [draft, uploaded[index] as Payload]))
  }
  const payloads = await allocateBlobs(
    connection,
    drafts.map(draft => draft.size),
    options
  )
  const made = new Map(drafts.map((draft, index) => [draft, payloads[index] as Payload]))
  const filled = [...made].filter(([draft]) => draft.size > 0)
  try {
    for (const [draft, payload] of filled) {
      connection.descriptors.region(payload).write(payload.offset, payload.size, draft.fill)
    }
    await Promise.all(filled.map(([, payload]) => sealBuffer(connection, payload.id)))
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
  await Promise.allSettled([
    dropBlobs(connection, payloads),
    ...(objects.length > 0 ? [deleteData(connection, objects.reverse(), { force: true, deep: true })] : [])
  ])
}
