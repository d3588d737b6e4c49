import type { Metrics } from '../model.js'
import type { Pace } from '../trial.js'
import { startServer, type ServerKind } from './servers.js'
import { startNode, startPython } from './start.js'
import { within } from './within.js'

/** Putting and getting blobs through one connection over TCP. */
export interface BlobWork {
  bytes: number
  /** Whether they are compressed on their way. */
  compression: boolean
}

export interface BlobJob extends BlobWork, Pace {
  server: string
}

/** Bytes of blobs put and got in a second, by a client in a fresh process on a fresh server. */
export async function measureBlobs(
  client: 'node' | 'python',
  kind: ServerKind,
  work: BlobWork,
  pace: Pace
): Promise<Metrics> {
  const { endpoint, close } = await startServer(kind, { rpc: true })
  try {
    const job: BlobJob = { ...work, ...pace, server: endpoint as string }
    const name = `${client}-blobs`
    const child = client === 'node' ? startNode('blob-end', name, job) : startPython('blob_end', name, job)
    try {
      return await within(pace, child.next<Metrics>(), name)
    } finally {
      await child.end()
    }
  } finally {
    await close()
  }
}
