import { MessageChannel } from 'node:worker_threads'
import { VineyardError } from '../errors.js'
import { handleOf, Lease, type LeaseSource } from '../memory/lease.js'
import { writeIpc } from '../objects/arrow/ipc.js'
import { isRecordBatch } from '../objects/arrow/recognise.js'
import { argumentError } from '../options.js'
import { partOf } from './parts.js'
import { decoders, type SharedChunk, type SharedMemory } from './shared-chunk.js'

/**
 * Makes a chunk of a stream ready for another thread of this process, without copying it:
 * `worker.postMessage(shared, [shared.port])`, and there `receive(shared)`. The shared memory is kept until this thread
 * has released its chunk and the other one has released what it received, was terminated, or never got it. A chunk that
 * was copied out of shared memory is cloned. Whoever does not send it after all calls `shared.port.close()`. Throws ERR_VINEYARD_RELEASED for a chunk that has been released.
 */
export function share(chunk: object): SharedChunk {
  if (typeof chunk !== 'object' || chunk === null) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'The "chunk" argument must be a chunk of a stream')
  }
  const handle = handleOf(chunk)
  handle?.check()
  const { port1, port2: port } = new MessageChannel()
  // Nobody sends anything: that a port closes is the message. It must not keep the process alive.
  port1.unref()
  const lease = handle?.owner
  if (!(lease instanceof Lease) || lease.source === undefined) return { port, copy: copyOf(chunk) }
  const memory = describeMemory(lease, lease.source, partOf(chunk))
  const held = lease.handle()
  port1.once('close', () => held.release())
  return { port, memory }
}

function describeMemory(lease: Lease, source: LeaseSource, part: number | undefined): SharedMemory {
  const { views } = lease
  const { meta, parts } = source.open()
  const decoder = Object.entries(decoders).find(([, decode]) => decode === source.decode)?.[0]
  if (decoder === undefined) throw new VineyardError('ERR_VINEYARD_TYPE', 'this chunk cannot be shared')
  return {
    decoder: decoder as SharedMemory['decoder'],
    meta,
    instanceId: source.instanceId,
    part,
    views: source.places.map(({ region, offset }, index) => ({
      ...region.file,
      offset,
      size: views[index]?.byteLength ?? 0
    })),
    blobs: [...parts].map(([id, bytes]) => {
      const view = views.indexOf(bytes.buffer as ArrayBuffer)
      return [id, view, bytes.byteOffset, bytes.byteLength]
    })
  }
}

/** It is cloned now, because `release(chunk)` may take its memory away before it is sent. */
function copyOf(chunk: object): NonNullable<SharedChunk['copy']> {
  return isRecordBatch(chunk) ? { ipc: writeIpc([chunk]) } : { value: structuredClone(chunk) }
}
