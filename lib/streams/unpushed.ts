import type { Connection, Requester } from '../client/connection.js'
import { endsSoon } from '../client/patience.js'
import { deleteData, getData } from '../client/requests/metadata.js'
import { isRemote, lifeOf } from '../memory/identity.js'
import type { Metadata } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import { isAbandoned, listPresences } from './presence.js'
import { labelsOf } from './labels.js'
import { LabelledNotes } from './labelled-notes.js'
import { listNotes, namesMember, notesMemory } from './notes-object.js'
import type { Noted } from './producer-notes.js'
import { SharedNotes } from './shared-notes.js'

/**
 * Frees what a dead producer of a stream on a vineyardd had allocated and not pushed, or one whose line is cut, which can
 * neither push nor free it any more; where the consumer is dead as well, also what the server has lost of its queue.
 * Everything that it had pushed must have been pulled, or be lost; `pulled` is how many chunks that were, where the caller
 * knows. `connection` serves what `requests` cannot. Never rejects: the server may be gone.
 */
export async function deleteUnpushed(
  requests: Requester,
  connection: Connection,
  stream: ObjectId,
  pulled: number | undefined
): Promise<void> {
  try {
    const ends = await listPresences(requests, stream)
    const producer = ends.find(({ end }) => end === 'producer')?.owner
    if (producer === undefined) return
    const life = lifeOf(producer)
    if (life === 'alive') return
    const metas = await listNotes(requests, stream)
    if (metas.length === 0) return
    if (life === 'unknown' && !isRemote(producer)) {
      // A producer that may live still fills what it has allocated, and writes to its notes.
      const unshared = metas.filter(meta => !(namesMember in meta)).map(({ id }) => id)
      if (unshared.length > 0) await deleteData(requests, unshared, { force: false, deep: true })
      return
    }
    const reading = readNotes(connection, metas)
    if (!(await endsSoon(reading))) return
    // Of a chunk that was not pushed there may be members that own the blobs already: force deletes those too. Of one
    // that was, whatever is left belongs to somebody who looks at it.
    const certain = (chunk: number | undefined): boolean =>
      chunk !== undefined && pulled !== undefined && chunk >= pulled
    const noted = await reading
    if (isAbandoned(ends)) await deleteQueued(requests, noted)
    for (const force of [true, false]) {
      const blobs = [...noted.unpushed].filter(([, chunk]) => certain(chunk) === force).map(([blob]) => blob)
      if (blobs.length > 0) await deleteData(requests, blobs, { force, deep: true })
    }
    const notes = metas.map(({ id }) => id)
    await deleteData(requests, notes, { force: false, deep: true })
  } catch {
    // Nothing is left to free where nobody answers.
  }
}

/**
 * Frees what is left of the chunks of a stream both of whose ends are dead. A vineyardd drops a stream with the connection of
 * a reader that has pulled, and deletes the queued chunks without their parts; the chunk that was being read it leaves whole.
 * Without force, and only what the producer made: what others look at or have put into objects of theirs stays, and so does
 * what somebody has made persistent.
 */
export async function deleteQueued(requests: Requester, { unpushed, queued }: Noted): Promise<void> {
  if (queued.size === 0) return
  const left = await getData(requests, [...queued])
  const persistent = new Set(left.filter(meta => meta['transient'] === false).map(({ id }) => id))
  // Of the chunk that was about to be pushed the blobs are among the others still, and go with what is made of them.
  const parts = [...queued, ...unpushed.keys()].filter(part => !persistent.has(part))
  if (parts.length > 0) await deleteData(requests, parts, { force: false, deep: false })
}

/** What the notes of a producer say that is dead. */
export async function readNotes(connection: Connection, notes: readonly Metadata[]): Promise<Noted> {
  const noted: Noted = { unpushed: new Map(), queued: new Set() }
  for (const meta of notes) {
    for (const [blob, chunk] of LabelledNotes.read(labelsOf(meta))) noted.unpushed.set(blob, chunk)
    for (const memory of await notesMemory(connection, meta)) {
      const { unpushed, queued } = SharedNotes.read(memory)
      for (const [blob, chunk] of unpushed) noted.unpushed.set(blob, chunk)
      for (const part of queued) noted.queued.add(part)
    }
  }
  return noted
}
