import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import {
  deleteData,
  dropName,
  dropStream,
  openStream,
  pullChunk,
  readMode,
  stopStream
} from '../client/requests.js'
import type { ObjectId } from '../protocol/ids.js'
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
 * producer has left, the stream's object and its name. Never rejects: the server may be gone, and then there is nothing left
 * to free.
 *
 * `puller` is the connection that pulls from the stream; its waiting pull, if there is one, ends with this. `reader` is
 * whose connection that is, if it has the stream's read mark.
 */
export async function discardStream(
  core: ClientCore,
  puller: Connection,
  stream: ObjectId,
  name: string | undefined,
  reader?: DiscardingReader
): Promise<void> {
  const control = core.connection
  // The store frees everything with the stream. Dropping one on a vineyardd deletes its object chunks only shallowly and
  // the chunk being read never, so they are pulled out first, each pull deleting the one before.
  if (!control.closed && !control.extended) {
    await stopStream(control, stream, true).catch(() => {})
    // A lease that is being made must be known to this process before its connection is closed: nobody would delete it.
    await reader?.idle()
    const before = reader === undefined ? await pulledByNobody(puller, stream) : reader.pulled()
    const pulled = await pullToTheEnd(puller, stream)
    await deleteUnpushed(control, stream, before === undefined ? undefined : before + pulled)
  }
  await Promise.allSettled([
    dropStream(control, stream),
    deleteData(control, [stream], { force: true, deep: false }),
    ...(name === undefined ? [] : [dropName(control, name)])
  ])
}

/** 0 where nobody has taken the read mark, which nobody will from then on; otherwise it cannot be known. */
async function pulledByNobody(puller: Connection, stream: ObjectId): Promise<number | undefined> {
  return openStream(puller, stream, readMode).then(
    () => 0,
    () => undefined
  )
}

/** Pulls out what is queued in a stopped stream, and answers how many chunks that were. Never rejects. */
export async function pullToTheEnd(puller: Connection, stream: ObjectId): Promise<number> {
  for (let count = 0; ; count += 1) {
    try {
      await pullChunk(puller, stream)
    } catch {
      // Drained, failed, dropped by somebody else, or the server is gone: no chunk is left in any case.
      return count
    }
  }
}
