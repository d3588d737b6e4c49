import { fstatSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { ObjectReadContext } from '../client/read-context.js'
import { VineyardError } from '../errors.js'
import { handleOf, Lease, release } from '../memory/lease.js'
import { native } from '../native.js'
import { isTable } from '../objects/arrow/recognise.js'
import { argumentError } from '../options.js'
import type { ObjectId } from '../protocol/ids.js'
import { pasteValue, type CopiedValue } from './copied-value.js'
import { decoders, type SharedChunk, type SharedMemory } from './shared-chunk.js'

/**
 * The chunk that another thread of this process made ready with `share`, over the same memory, mapped by this thread.
 * `release` it, or let it be collected, as any chunk; the other thread need not wait for that. Can be called once for
 * each shared chunk. Throws ERR_VINEYARD_RELEASED if the memory is gone, because the other thread has ended.
 */
export function receive<T = any>(shared: SharedChunk): T {
  const { port, memory, copy } = checkShared(shared)
  // It only has to exist.
  port.unref()
  if (memory === undefined) {
    port.close()
    return pasteValue(copy as CopiedValue) as T
  }
  return valueOf(shared, memory) as T
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

function valueOf(shared: SharedChunk, memory: SharedMemory): unknown {
  const views = mapViews(memory, shared.port)
  // In the thread that shared it, the port would be closed if all of `shared` were collected.
  const lease = new Lease(views, () => shared.port.close())
  try {
    const blobs = new Map<ObjectId, Uint8Array>()
    for (const [id, view, offset, size] of memory.blobs) {
      blobs.set(id, view < 0 ? new Uint8Array(0) : new Uint8Array(views[view] as ArrayBuffer, offset, size))
    }
    const { meta, instanceId, handle } = memory
    const decode = decoders[memory.decoder]
    // The descriptor is the first thread's, which keeps it open as long as this lease lasts.
    const places = memory.views.map(({ offset, ...file }) => ({ region: { file }, offset }))
    lease.source = { open: () => ({ meta, parts: blobs }), instanceId, places, decode }
    return partOf(decode(meta, new ObjectReadContext(blobs, lease, instanceId)), handle)
  } catch (error) {
    lease.end()
    throw error
  }
}

function mapViews({ views }: SharedMemory, port: MessagePort): ArrayBuffer[] {
  const mapped: ArrayBuffer[] = []
  try {
    for (const { fd, key, length, offset, size } of views) {
      checkFile(fd, key)
      const mapping = native.map(fd, length, false)
      mapped.push(mapping.view(offset, size))
      // Its views keep the memory.
      mapping.close()
      // Whoever closed the file meanwhile may have opened another under its number.
      checkFile(fd, key)
    }
    return mapped
  } catch (cause) {
    for (const view of mapped) native.detach(view)
    port.close()
    throw new VineyardError('ERR_VINEYARD_RELEASED', 'the memory of this shared chunk is gone', { cause })
  }
}

function checkFile(fd: number, key: string): void {
  const { dev, ino } = fstatSync(fd, { bigint: true })
  if (`${dev}:${ino}` !== key) throw new Error(`descriptor ${fd} is another file`)
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
