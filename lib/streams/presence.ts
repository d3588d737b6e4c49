/**
 * What the two ends of a stream on a vineyardd tell each other, and whoever comes after them: a vineyardd notices neither that
 * a producer has died nor that a consumer has that waits or never read. Each end makes a transient object of its own, its
 * presence, a `vineyard::NodeStreamEnd<…>` with the stream's id in the brackets. Foreign ends have none.
 *
 * - `end`: `producer` or `consumer`.
 * - `owner`: the identity of the end (lib/memory/identity.ts), from when it has the stream's read or write mark on, with `/tcp` behind it
 *   where the end comes over TCP.
 * - the label `vineyard_streams.beat`: changes every second while the end lives, from when it has seen that the other one
 *   lives in another pid namespace; also where either of them comes over TCP.
 *
 * They are no labels of the stream's object: a vineyardd loses one of two that are put at once, and with etcd each of a
 * persistent object waits for the lock of the cluster, of which 41 at a time stop the vineyardd for good.
 */
import type { Connection, Requester } from '../client/connection.js'
import { createData, deleteData, getData, label, listAll } from '../client/requests/metadata.js'
import { lifeOf } from '../memory/identity.js'
import type { Metadata } from '../objects/model.js'
import { isObjectId, type ObjectId } from '../protocol/ids.js'
import { labelsOf, labelText } from './labels.js'

/** An end of a stream. */
export type End = 'producer' | 'consumer'

export const otherEnd = { producer: 'consumer', consumer: 'producer' } as const

/** The presence of one end, as it was when it was asked for. */
export interface Presence {
  readonly id: ObjectId
  readonly stream: ObjectId
  readonly end: End
  /** The identity of the end. */
  readonly owner: string
  readonly beat: string | undefined
}

const typename = 'vineyard::NodeStreamEnd'
const beatLabel = 'vineyard_streams.beat'

/** The store needs none, which a connection over TCP cannot know: it deletes them with the connection. */
export async function createPresence(
  connection: Connection,
  stream: ObjectId,
  end: End,
  owner: string
): Promise<ObjectId> {
  const content = {
    typename: `${typename}<${stream}>`,
    nbytes: 0,
    transient: true,
    instance_id: connection.info.instanceId,
    end,
    owner
  }
  const [id] = await createData(connection, [content], connection.scopes)
  return id as ObjectId
}

/** The presences of the ends of a stream, or of all streams. */
export async function listPresences(
  connection: Requester,
  stream: ObjectId | '*' = '*'
): Promise<Presence[]> {
  const metas = await listAll(connection, `${typename}<${stream}>`)
  return metas.map(readPresence).filter(presence => presence !== undefined)
}

/** A presence, if it is still there. */
export async function getPresence(connection: Requester, id: ObjectId): Promise<Presence | undefined> {
  const [meta] = await getData(connection, [id])
  return meta && readPresence(meta)
}

/** Whether both ends of a stream are known to be dead. Nobody can open it any more: each end is opened once. */
export function isAbandoned(ends: readonly Presence[]): boolean {
  return (['producer', 'consumer'] as const).every(each =>
    ends.some(({ end, owner }) => end === each && lifeOf(owner) === 'dead')
  )
}

/** Changes what the other end looks for in a presence; only its owner does, so nothing gets lost. */
export async function beatPresence(connection: Requester, id: ObjectId, beat: number): Promise<void> {
  await label(connection, id, { [beatLabel]: String(beat) })
}

/** For whoever deletes the stream's object. */
export async function deletePresences(connection: Requester, ids: readonly ObjectId[]): Promise<void> {
  if (ids.length > 0) await deleteData(connection, ids, { force: false, deep: false })
}

/** Metadata may be hostile: what is no presence counts as none. */
function readPresence(meta: Metadata): Presence | undefined {
  const { id, end, owner } = meta
  const [, stream] = /<(.*)>$/.exec(meta.typename) ?? []
  if (stream === undefined || !isObjectId(stream) || typeof owner !== 'string') return undefined
  if (end !== 'producer' && end !== 'consumer') return undefined
  return { id, stream, end, owner, beat: labelText(labelsOf(meta), beatLabel) }
}
