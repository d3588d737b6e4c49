import { type ObjectId, isBlobId } from '../protocol/ids.js'
import type { ObjectRecord } from './object-record.js'

/** The graph that deletion walks: objects, their members and their owners. */
export interface DeletionGraph {
  find(id: ObjectId): ObjectRecord | undefined
  /** The objects that a blob belongs to. */
  blobOwners(id: ObjectId): ReadonlySet<ObjectRecord> | undefined
  /** Takes an object out of the graph. */
  remove(record: ObjectRecord): void
}

export interface DeletionOptions {
  /** Also what is still used as a member, together with its owners. */
  force: boolean
  /** Also member objects that nobody else uses. */
  deep: boolean
}

/**
 * Deletes objects as upstream does: one that is still a member of another is kept unless forced; deleting an owner
 * always deletes its direct blobs that nobody else uses, and `deep` its member objects; `force` deletes the owners too.
 * Returns the ids of the blobs that are to be deleted, in the order of their ids; unknown blobs among the roots included.
 */
export function deleteObjects(
  roots: readonly ObjectId[],
  options: DeletionOptions,
  graph: DeletionGraph
): ObjectId[] {
  const pending = new Set(roots)
  const blobs = new Set<ObjectId>()
  for (const id of new Set(roots)) visitRoot(id)
  return [...blobs].sort()

  function owners(id: ObjectId, record: ObjectRecord | undefined): ReadonlySet<ObjectRecord> | undefined {
    return record ? record.owners : isBlobId(id) ? graph.blobOwners(id) : undefined
  }

  /**
   * Owners that are to be deleted as well go first, so that the order of the ids does not matter. Only for roots: a member
   * is visited again by the last of its owners, and to look through all of them each time would be quadratic.
   */
  function visitRoot(id: ObjectId): void {
    pending.delete(id)
    for (const owner of [...(owners(id, graph.find(id)) ?? [])]) {
      if (pending.has(owner.id)) visitRoot(owner.id)
    }
    visit(id, options.force, options.deep)
  }

  function visit(id: ObjectId, force: boolean, deep: boolean): void {
    const record = graph.find(id)
    if (!record && !isBlobId(id)) return
    if (blobs.has(id) || record?.deleted) return
    const remaining = owners(id, record)
    if (!force && remaining && remaining.size > 0) return
    const above = force && remaining ? [...remaining] : []
    if (record) graph.remove(record)
    else blobs.add(id)
    if (record) {
      for (const blob of record.blobs) visit(blob, false, true)
      if (deep) for (const member of record.members) visit(member.id, false, true)
    }
    for (const owner of above) visit(owner.id, true, false)
  }
}
