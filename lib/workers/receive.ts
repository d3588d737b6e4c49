import type { MessagePort } from 'node:worker_threads'
import { ObjectReadContext } from '../client/read-context.js'
import { VineyardError } from '../errors.js'
import { handleOf, Lease, release } from '../memory/lease.js'
import { Region } from '../memory/region.js'
import { native } from '../native.js'
import { isTable } from '../objects/arrow/recognise.js'
import { argumentError } from '../options.js'
import type { ObjectId } from '../protocol/ids.js'
import { pasteValue, type CopiedValue } from './copied-value.js'
import { decoders, type SharedChunk, type SharedMemory } from './shared-chunk.js'
import { SharedLease } from './shared-lease.js'

const received = new WeakSet<MessagePort>()

/**
 * The chunk that another thread of this process made ready with `share`, over the same memory, mapped by this thread.
 * `release` it, or let it be collected, as any chunk; from here on the other thread may release its own, or end. Throws
 * ERR_VINEYARD_RELEASED if the chunk has been received already, which can be done once, or if its memory is gone, because the
 * other thread ended before.
 */
export function receive<T = any>(shared: SharedChunk): T {
  const { port, memory, copy } = checkShared(shared)
  if (received.has(port)) throw gone('this shared chunk has been received already')
  received.add(port)
  // It only has to exist.
  port.unref()
  if (memory === undefined) {
    port.close()
    return pasteValue(copy as CopiedValue) as T
  }
  return valueOf(port, memory) as T
}

function checkShared(shared: SharedChunk): SharedChunk {
  const { port, memory, copy } = (shared ?? {}) as Partial<SharedChunk>
  if (
    typeof port?.unref === 'function' &&
    (memory === undefined || Array.isArray(memory.views)) &&
    (memory !== undefined || copy !== undefined)
  )
    return shared
  throw argumentError('ERR_INVALID_ARG_TYPE', 'The "shared" argument must be what share() returned')
}

function valueOf(port: MessagePort, memory: SharedMemory): unknown {
  const keeper = SharedLease.of({ port, memory })
  if (keeper === undefined) {
    port.close()
    throw gone('the memory of this shared chunk is gone')
  }
  const regions: Region[] = []
  const lease = mapViews(memory, regions, giveBackTo(keeper, regions))
  try {
    const blobs = new Map<ObjectId, Uint8Array>()
    for (const [id, view, offset, size] of memory.blobs) {
      blobs.set(
        id,
        view < 0 ? new Uint8Array(0) : new Uint8Array(lease.views[view] as ArrayBuffer, offset, size)
      )
    }
    const { meta, instanceId, handle } = memory
    const decode = decoders[memory.decoder]
    const places = memory.views.map(({ offset }, index) => ({ region: regions[index] as Region, offset }))
    lease.source = { keeper, open: () => ({ meta, parts: blobs }), instanceId, places, decode }
    return partOf(decode(meta, new ObjectReadContext(blobs, lease, instanceId)), handle)
  } catch (error) {
    lease.end()
    throw error
  }
}

/** A function of its own: what it makes outlives the lease, and must not keep it. */
function giveBackTo(keeper: SharedLease, regions: readonly Region[]): () => void {
  return () => {
    keeper.giveBack()
    for (const region of regions) region.drop()
  }
}

/** `regions` gets the memory file of each view. */
function mapViews({ views }: SharedMemory, regions: Region[], giveBack: () => void): Lease {
  const mapped: ArrayBuffer[] = []
  try {
    for (const { fd, key, offset, size } of views) {
      const region = Region.acquire(native.shareFd(fd))
      regions.push(region)
      // Whoever closed the file meanwhile may have opened another under its number.
      if (region.file.key !== key) throw new Error(`descriptor ${fd} is another file`)
      mapped.push(region.view(offset, size))
    }
    return new Lease(mapped, giveBack)
  } catch (cause) {
    for (const view of mapped) native.detach(view)
    giveBack()
    throw gone('the memory of this shared chunk is gone', cause)
  }
}

function gone(message: string, cause?: unknown): VineyardError {
  return new VineyardError('ERR_VINEYARD_RELEASED', message, { cause })
}

/** The value whose handle has this number: all of `whole`, or a part of it, and then the others are not wanted here. */
function partOf(whole: unknown, handle: number): unknown {
  const values = valuesIn(whole)
  const wanted = values.find(value => handleOf(value)?.number === handle)
  if (wanted === undefined)
    throw new VineyardError('ERR_VINEYARD_METADATA', 'the shared chunk is not in its object')
  for (const value of values) if (value !== wanted) release(value)
  return wanted
}

/** What can be released by itself: a value, or the batches of a Table and the elements of an array. */
function valuesIn(whole: unknown): object[] {
  if (typeof whole !== 'object' || whole === null) return []
  if (handleOf(whole) !== undefined) return [whole]
  const parts: readonly unknown[] = Array.isArray(whole) ? whole : isTable(whole) ? whole.batches : []
  return parts.flatMap(valuesIn)
}
