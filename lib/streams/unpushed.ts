import type { Connection, Requester } from '../client/connection.js'
import { endsSoon } from '../client/patience.js'
import { deleteData } from '../client/requests/metadata.js'
import { isRemote, lifeOf } from '../memory/identity.js'
import type { Metadata } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import { listPresences } from './presence.js'
import { labelsOf } from './labels.js'
import { LabelledNotes } from './labelled-notes.js'
import { listNotes, namesMember, notesMemory } from './notes-object.js'
import type { Unpushed } from './producer-notes.js'
import { SharedNotes } from './shared-notes.js'

/**
 * Frees what a dead producer of a stream on a vineyardd had allocated and not pushed, or one whose line is cut, which can
 * neither push nor free it any more. Everything that it had pushed must
 * have been pulled; `pulled` is how many chunks that were, where the caller knows. `connection` serves what `requests`
 * cannot. Never rejects: the server may be gone.
 */
export async function deleteUnpushed(
  requests: Requester,
  connection: Connection,
  stream: ObjectId,
  pulled: number | undefined
): Promise<void> {
  try {
    const producer = (await listPresences(requests, stream)).find(({ end }) => end === 'producer')?.owner
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
    const unpushed = [...(await reading)]
    for (const force of [true, false]) {
      const blobs = unpushed.filter(([, chunk]) => certain(chunk) === force).map(([blob]) => blob)
      if (blobs.length > 0) await deleteData(requests, blobs, { force, deep: true })
    }
    const notes = metas.map(({ id }) => id)
    await deleteData(requests, notes, { force: false, deep: true })
  } catch {
    // Nothing is left to free where nobody answers.
  }
}

/** What the notes of a producer say that is dead. */
export async function readNotes(connection: Connection, notes: readonly Metadata[]): Promise<Unpushed> {
  const unpushed: Unpushed = new Map()
  for (const meta of notes) {
    const pages = await notesMemory(connection, meta)
    for (const page of [LabelledNotes.read(labelsOf(meta)), ...pages.map(page => SharedNotes.read(page))])
      for (const [blob, chunk] of page) unpushed.set(blob, chunk)
  }
  return unpushed
}
