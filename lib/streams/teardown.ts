import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import { deleteData, dropName, dropStream, pullChunk, stopStream } from '../client/requests.js'
import type { ObjectId } from '../protocol/ids.js'

/**
 * Ends a stream that will not be read to its end, and everything it holds: queued chunks, the chunk being read, the
 * stream's object and its name. Never rejects: the server may be gone, and then there is nothing left to free.
 *
 * `puller` is the connection that pulls from the stream. Its waiting pull, if there is one, ends with this. `idle` resolves
 * when nothing is being done with a chunk that it pulled before.
 */
export async function discardStream(
  core: ClientCore,
  puller: Connection,
  stream: ObjectId,
  name: string | undefined,
  idle: () => Promise<void> = async () => {}
): Promise<void> {
  const control = core.connection
  // The store frees everything with the stream. Dropping one on a vineyardd deletes its object chunks only shallowly and
  // the chunk being read never, so they are pulled out first, each pull deleting the one before.
  if (!control.closed && !control.extended) {
    await stopStream(control, stream, true).catch(() => {})
    // A lease that is being made must be known to this process before its connection is closed: nobody would delete it.
    await idle()
    await pullToTheEnd(puller, stream)
  }
  await Promise.allSettled([
    dropStream(control, stream),
    deleteData(control, [stream], { force: true, deep: false }),
    ...(name === undefined ? [] : [dropName(control, name)])
  ])
}

async function pullToTheEnd(puller: Connection, stream: ObjectId): Promise<void> {
  try {
    for (;;) await pullChunk(puller, stream)
  } catch {
    // Drained, failed, dropped by somebody else, or the server is gone: no chunk is left in any case.
  }
}
