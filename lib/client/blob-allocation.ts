import { setTimeout as delay } from 'node:timers/promises'
import { abortable, AbortError } from '../abort.js'
import { Status, VineyardError } from '../errors.js'
import { freshBytes } from '../memory/fresh-bytes.js'
import type { BlobDraft } from '../objects/model.js'
import { emptyBlobId, type ObjectId } from '../protocol/ids.js'
import type { Payload } from '../protocol/payload.js'
import { maxBlobs } from '../protocol/request-limits.js'
import type { Connection } from './connection.js'
import type { Counters } from './counters.js'
import { divide } from './divide.js'
import {
  cancelWaiting,
  createBuffer,
  createBuffers,
  createRemoteBuffer,
  dropBuffer
} from './requests/blobs.js'
import { deleteData } from './requests/metadata.js'
import { instanceStatus } from './requests/status.js'

/** On a vineyardd nothing tells when memory returns; these bound how often the writer asks. */
const firstPollMs = 1
const longestPollMs = 20

export interface AllocateOptions {
  /** Wait for memory instead of failing when the server has none left now. */
  wait: boolean
  /** On the store: nobody needs it yet, so that nobody gives up anything for it. */
  ahead?: boolean | undefined
  /** On the store: free the blobs with the connection unless an object or a stream has taken them by then. */
  scoped: boolean
  /** Told of the blobs before anything is done with them. */
  allocated?: ((ids: readonly ObjectId[]) => void) | undefined
  /** Stops the waiting, not a request that is under way. */
  signal?: AbortSignal | undefined
  /** Where the waiting is counted. */
  counters?: Counters | undefined
}

const emptyPayload: Payload = { id: emptyBlobId, storeFd: -1, offset: 0, size: 0 }

/**
 * Unsealed blobs of the given sizes, all or none; size 0 is the empty blob and costs no request. Rejects with
 * ERR_VINEYARD_NO_MEMORY at once where they can never fit.
 */
export async function allocateBlobs(
  connection: Connection,
  sizes: readonly number[],
  options: AllocateOptions
): Promise<Payload[]> {
  const wanted = sizes.filter(size => size > 0)
  const made = wanted.length === 0 ? [] : await allocate(connection, wanted, options)
  return inPlaces(sizes, made)
}

/** Over TCP: sealed blobs with the bytes of drafts, all or none; otherwise like `allocateBlobs`. */
export async function uploadBlobs(
  connection: Connection,
  drafts: readonly BlobDraft[],
  options: AllocateOptions
): Promise<Payload[]> {
  const wanted = drafts.filter(draft => draft.size > 0)
  const upload = (draft: BlobDraft) => (): Promise<Payload> =>
    createRemoteBuffer(connection, draft.size, () => bytesOf(draft), options.scoped)
  const made = await makePatiently(connection, wanted, wanted.map(upload), options)
  return inPlaces(
    drafts.map(({ size }) => size),
    made
  )
}

/** Where they lie, or else in memory that lasts until they have been sent. */
function bytesOf(draft: BlobDraft): readonly Uint8Array[] {
  if (draft.pieces !== undefined) return draft.pieces
  const bytes = freshBytes(draft.size)
  draft.fill(bytes)
  return [bytes]
}

/** What was made for the sizes that are not 0, and the empty blob for the others. */
function inPlaces(sizes: readonly number[], made: readonly Payload[]): Payload[] {
  let next = 0
  return sizes.map(size => (size === 0 ? emptyPayload : (made[next++] as Payload)))
}

async function allocate(
  connection: Connection,
  sizes: readonly number[],
  options: AllocateOptions
): Promise<Payload[]> {
  const { counters } = options
  if (connection.extended) {
    const create = (): Promise<Payload[]> => allocateOnStore(connection, sizes, options)
    return options.wait && counters !== undefined ? counters.wait('memory', create) : create()
  }
  const one = (size: number) => (): Promise<Payload> => createBuffer(connection, size)
  return makePatiently(
    connection,
    sizes.map(size => ({ size })),
    sizes.map(one),
    options
  )
}

/** One blob. */
type Make = () => Promise<Payload>

/** Makes blobs, all or none, when there is memory for all if `options` say so. */
async function makePatiently(
  connection: Connection,
  wanted: readonly { size: number }[],
  makers: readonly Make[],
  options: AllocateOptions
): Promise<Payload[]> {
  const { counters } = options
  try {
    return await makeAll(connection, makers, options)
  } catch (error) {
    if (!options.wait || (error as VineyardError).status !== Status.NotEnoughMemory) throw error
  }
  const poll = (): Promise<Payload[]> => pollForMemory(connection, wanted, makers, options)
  return counters === undefined ? poll() : counters.wait('memory', poll)
}

async function pollForMemory(
  connection: Connection,
  wanted: readonly { size: number }[],
  makers: readonly Make[],
  options: AllocateOptions
): Promise<Payload[]> {
  const { signal } = options
  await refuseWhatCannotFit(
    connection,
    wanted.map(({ size }) => size)
  )
  for (let poll = firstPollMs; ; poll = Math.min(poll * 2, longestPollMs)) {
    try {
      await delay(poll, undefined, signal === undefined ? {} : { signal })
    } catch {
      throw new AbortError(signal?.reason)
    }
    try {
      return await makeAll(connection, makers, options)
    } catch (error) {
      if ((error as VineyardError).status !== Status.NotEnoughMemory) throw error
    }
  }
}

async function allocateOnStore(
  connection: Connection,
  sizes: readonly number[],
  { wait, ahead = false, scoped, signal }: AllocateOptions
): Promise<Payload[]> {
  if (!wait) return allocateInPieces(connection, sizes, { scoped, urgent: !ahead })
  if (signal === undefined) return createBuffers(connection, sizes, { wait, scoped })
  const ticket = connection.nextTicket()
  const made = createBuffers(connection, sizes, { wait, scoped, ticket })
  // Otherwise everything behind it on the connection would wait for memory that nobody wants.
  const onAbort = (): void => cancelWaiting(connection, ticket)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await abortable(made, signal, payloads => void dropBlobs(connection, payloads))
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Whoever waits for memory does not get it piece by piece: two that have a part each would wait for ever. */
async function allocateInPieces(
  connection: Connection,
  sizes: readonly number[],
  options: { scoped: boolean; urgent: boolean }
): Promise<Payload[]> {
  const made: Payload[] = []
  try {
    for (const piece of divide(sizes, maxBlobs)) {
      for (const payload of await createBuffers(connection, piece, { wait: false, ...options }))
        made.push(payload)
    }
  } catch (error) {
    await dropBlobs(connection, made)
    throw error
  }
  return made
}

/**
 * Pipelined requests for one: create_buffers of 0.24.2, and create_remote_buffers too, leaks the blobs it had made when a
 * later one does not fit.
 */
async function makeAll(
  connection: Connection,
  makers: readonly Make[],
  options: AllocateOptions
): Promise<Payload[]> {
  const results = await Promise.allSettled(makers.map(make => make()))
  const made: Payload[] = []
  let failure: unknown
  for (const result of results) {
    if (result.status === 'fulfilled') made.push(result.value)
    else failure ??= result.reason
  }
  if (failure === undefined) {
    options.allocated?.(made.map(({ id }) => id))
    return made
  }
  await dropBlobs(connection, made)
  throw failure as Error
}

/**
 * Frees blobs that nobody else knows of. Errors are ignored: the store frees them with the connection, and elsewhere the
 * connection's successor does, with the objects whose making was not answered.
 */
export async function dropBlobs(connection: Connection, payloads: readonly Payload[]): Promise<void> {
  const ids = payloads.filter(payload => payload.size > 0).map(({ id }) => id)
  const { successor } = connection
  if (successor === undefined) await Promise.allSettled(ids.map(id => dropBuffer(connection, id)))
  else if (ids.length > 0) await deleteData(successor, ids, { force: true, deep: true }).catch(() => {})
}

async function refuseWhatCannotFit(connection: Connection, sizes: readonly number[]): Promise<void> {
  const needed = sizes.reduce((sum, size) => sum + size, 0)
  const { memoryLimit } = await instanceStatus(connection)
  if (needed <= memoryLimit) return
  throw new VineyardError(
    'ERR_VINEYARD_NO_MEMORY',
    `${needed} bytes can never fit into a server of ${memoryLimit} bytes`,
    { status: Status.NotEnoughMemory }
  )
}
