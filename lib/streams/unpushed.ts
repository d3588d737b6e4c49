import type { Requester } from '../client/connection.js'
import { deleteData } from '../client/requests/metadata.js'
import { lifeOf } from '../memory/identity.js'
import type { ObjectId } from '../protocol/ids.js'
import { endLabel, labelText, notesOf, parseUnpushed, readLabels } from './stream-labels.js'

/**
 * Frees what a dead producer of a stream on a vineyardd had allocated and not pushed. Everything that it had pushed must
 * have been pulled; `pulled` is how many chunks that were, where the caller knows. Never rejects: the server may be gone.
 */
export async function deleteUnpushed(
  connection: Requester,
  stream: ObjectId,
  pulled: number | undefined
): Promise<void> {
  try {
    const labels = (await readLabels(connection, [stream])).get(stream) ?? {}
    const notes = notesOf(labels)
    const unpushed = parseUnpushed(
      notes === undefined ? labels : ((await readLabels(connection, [notes])).get(notes) ?? {})
    )
    // A producer that may live still fills what it has allocated.
    if (lifeOf(labelText(labels, endLabel('producer')) ?? '') !== 'dead') return
    // Of a chunk that was not pushed there may be members that own the blobs already: force deletes those too. Of one
    // that was, whatever is left belongs to somebody who looks at it.
    if (unpushed !== undefined) {
      await deleteData(connection, unpushed.blobs, { force: unpushed.pushed === pulled, deep: true })
    }
    if (notes !== undefined) await deleteData(connection, [notes], { force: false, deep: true })
  } catch {
    // Nothing is left to free where nobody answers.
  }
}
