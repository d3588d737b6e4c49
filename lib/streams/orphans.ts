import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import { leaseTypename } from '../client/node-lease.js'
import { deleteData, listAll } from '../client/requests/metadata.js'
import { dropStream, stopStream } from '../client/requests/streams.js'
import { lifeOf, processLifeOf } from '../memory/identity.js'
import { native } from '../native.js'
import type { Metadata } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import { deletePresences, isAbandoned, listPresences, type Presence } from './presence.js'
import { listNotes } from './notes-object.js'
import { pullToTheEnd } from './teardown.js'
import { deleteQueued, deleteUnpushed, readNotes } from './unpushed.js'

/**
 * Frees what the dead have left on a vineyardd and can be told apart: their leases, and what is queued in streams both of
 * whose ends have died. The streams' objects stay, because somebody may still ask for them. Never rejects.
 */
export async function sweep(core: ClientCore): Promise<void> {
  const { connection } = core
  try {
    // In this order: the stream of a presence is listed, or has been dropped.
    const [presences, metas] = await Promise.all([
      listPresences(connection),
      listAll(connection, 'vineyard::*Stream'),
      sweepLeases(connection)
    ])
    const streams = new Set(metas.map(({ id }) => id))
    const endsOf = new Map<ObjectId, Presence[]>()
    for (const presence of presences)
      endsOf.set(presence.stream, [...(endsOf.get(presence.stream) ?? []), presence])
    for (const [stream, ends] of endsOf) {
      if (streams.has(stream) && isAbandoned(ends)) await sweepStream(core, stream, ends)
    }
    await sweepNotes(connection, streams, endsOf)
    await deletePresences(
      connection,
      presences
        .filter(({ stream, owner }) => !streams.has(stream) && lifeOf(owner) === 'dead')
        .map(({ id }) => id)
    )
  } catch {
    // The connection is lost, or the client was closed: the next one will do it.
  }
}

/** Deletes the leases of dead processes and threads, as far as they lived in this pid namespace and nobody has them now. */
export async function sweepLeases(connection: Connection): Promise<void> {
  const leases = await listAll(connection, leaseTypename)
  const dead = leases.filter(isForsaken)
  if (dead.length === 0) return
  await deleteData(
    connection,
    dead.map(({ id }) => id),
    { force: false, deep: true }
  )
}

/**
 * Other threads of its process may look at the memory of a thread that has ended (`share`). Only that process knows: its own
 * clients sweep what nobody there has taken over, those of others wait until it ends.
 */
function isForsaken({ id, owner, holdsName }: Metadata): boolean {
  if (typeof owner !== 'string' || lifeOf(owner) !== 'dead') return false
  return holdsName === native.holdsName ? !native.isHeld(id) : processLifeOf(owner) === 'dead'
}

/** Frees what dead producers had allocated of streams that have been dropped since, and their notes. */
async function sweepNotes(
  connection: Connection,
  streams: ReadonlySet<ObjectId>,
  endsOf: ReadonlyMap<ObjectId, readonly Presence[]>
): Promise<void> {
  const notes = await listNotes(connection)
  for (const meta of notes) {
    const { id, stream, owner } = meta
    if (streams.has(stream as ObjectId) || typeof owner !== 'string' || lifeOf(owner) !== 'dead') continue
    const noted = await readNotes(connection, [meta])
    if (isAbandoned(endsOf.get(stream as ObjectId) ?? [])) await deleteQueued(connection, noted)
    await deleteData(connection, [...noted.unpushed.keys(), id], { force: false, deep: true })
  }
}

async function sweepStream(core: ClientCore, stream: ObjectId, ends: readonly Presence[]): Promise<void> {
  const { connection } = core
  await core.connect(async puller => {
    // As in the teardown of a reader: dropping a stream does not free what its chunks are made of.
    await stopStream(connection, stream, true).catch(() => {})
    await pullToTheEnd(puller, stream)
    await dropStream(connection, stream).catch(() => {})
    await deleteUnpushed(connection, connection, stream, undefined)
    // Without them the stream counts as swept.
    await deletePresences(
      connection,
      ends.map(({ id }) => id)
    )
    puller.close()
  })
}
