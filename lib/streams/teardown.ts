import type { Connection, Requester } from '../client/connection.js'
import { endsSoon } from '../client/patience.js'
import { VineyardError } from '../errors.js'
import { pullChunk } from '../client/requests/chunks.js'
import { dropNameOf } from '../client/requests/names.js'
import { dropStream, openStream, readMode, stopStream } from '../client/requests/streams.js'
import type { ObjectId } from '../protocol/ids.js'
import { deletePresences, listPresences } from './presence.js'
import { deleteAlone, removeObject, type Asking } from './removal.js'
import { deleteUnpushed } from './unpushed.js'

/** What the reader of a stream knows that is being discarded. */
export interface DiscardingReader {
  /** Resolves when nothing is being done with a chunk that was pulled before. */
  idle: () => Promise<void>
  /** How many chunks have been pulled by then. */
  pulled: () => number
}

/**
 * Ends a stream that will not be read to its end, and everything it holds: queued chunks, the chunk being read, what a dead
 * producer has left, the stream's object and its name. Never rejects, but answers with why the server could not be told,
 * if it could not: then a pull that waits goes on waiting.
 *
 * `control` stands for `connection`, for whoever waits only so long, and `asking` for what may ask etcd. `puller`
 * pulls from the stream; its waiting pull, if there is one, ends with this. `reader` is whose connection that is, if it has the stream's read mark.
 */
export async function discardStream(
  connection: Connection,
  control: Requester,
  asking: Asking,
  puller: Requester,
  stream: ObjectId,
  name: string | undefined,
  reader?: DiscardingReader
): Promise<VineyardError | undefined> {
  if (control.extended) return discardOnStore(control, stream, name)
  // Dropping a stream deletes its object chunks only shallowly and the chunk being read never, so they are pulled out
  // first, each pull deleting the one before.
  const lost = await unanswered(stopStream(control, stream, true))
  if (lost !== undefined) return lost
  // A lease that is being made must be known to this process before its connection is closed: nobody would delete it.
  if (reader !== undefined && !(await endsSoon(reader.idle()))) {
    return new VineyardError('ERR_VINEYARD_TIMEOUT', 'a stopped stream goes on waiting')
  }
  const before = reader === undefined ? await pulledByNobody(puller, stream) : reader.pulled()
  const pulled = await pullToTheEnd(puller, stream)
  await deleteUnpushed(control, connection, stream, before === undefined ? undefined : before + pulled)
  const [gone] = await Promise.all([
    unanswered(dropStream(control, stream)),
    unanswered(deletePresencesOf(control, stream))
  ])
  return (
    gone ??
    (await removeObject(control, asking, stream, name).then(
      () => undefined,
      (error: VineyardError) => error
    ))
  )
}

/** The store frees everything with the stream. */
async function discardOnStore(
  control: Requester,
  stream: ObjectId,
  name: string | undefined
): Promise<VineyardError | undefined> {
  const named = name === undefined ? undefined : unanswered(dropNameOf(control, name, stream))
  const [lost] = await Promise.all([
    unanswered(dropStream(control, stream)),
    unanswered(deleteAlone(control, stream)),
    named
  ])
  return lost
}

/** An end that is being opened meanwhile deletes its own presence when it finds that the stream has gone. */
async function deletePresencesOf(control: Requester, stream: ObjectId): Promise<void> {
  const presences = await listPresences(control, stream)
  await deletePresences(
    control,
    presences.map(({ id }) => id)
  )
}

/** Why a request has not been answered, if it has not. An error reply is an answer, too. */
async function unanswered(request: Promise<void>): Promise<VineyardError | undefined> {
  try {
    await request
  } catch (error) {
    if ((error as VineyardError).status === undefined) return error as VineyardError
  }
  return undefined
}

/** 0 where nobody has taken the read mark, which nobody will from then on; otherwise it cannot be known. */
async function pulledByNobody(puller: Requester, stream: ObjectId): Promise<number | undefined> {
  return openStream(puller, stream, readMode).then(
    () => 0,
    () => undefined
  )
}

/** Pulls out what is queued in a stopped stream, and answers how many chunks that were. Never rejects. */
export async function pullToTheEnd(puller: Requester, stream: ObjectId): Promise<number> {
  for (let count = 0; ; count += 1) {
    try {
      await pullChunk(puller, stream, { waits: false })
    } catch {
      // Drained, failed, dropped by somebody else, or the server is gone: no chunk is left in any case.
      return count
    }
  }
}
