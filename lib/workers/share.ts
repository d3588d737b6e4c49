import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { VineyardError } from '../errors.js'
import { handleOf, Lease, type LeaseSource } from '../memory/lease.js'
import { native } from '../native.js'
import { argumentError } from '../options.js'
import { copyValue } from './copied-value.js'
import { leaveAtEnd } from './on-their-way.js'
import { decoders, type SharedChunk, type SharedMemory } from './shared-chunk.js'
import { keepFor, passHome } from './shared-lease.js'

/**
 * Makes a chunk of a stream ready for another thread of this process, without copying it:
 * `worker.postMessage(shared, [shared.port])`, and there `receive(shared)`. The shared memory is kept until this thread
 * has released its chunk and the other one has released what it received, was terminated, or never got it. A chunk that
 * was copied out of shared memory is copied, as are texts, numbers, and wholes whose parts are released one by one (a
 * Table, an array of values). Whoever does not send it after all, or posted it to a worker that had ended, calls
 * `shared.port.close()`, or waits until `shared` is collected. Throws ERR_VINEYARD_RELEASED for a chunk that has been
 * released, and ERR_VINEYARD_TYPE for a value that cannot be copied, such as a stream.
 */
export function share(chunk: unknown): SharedChunk {
  if (chunk === undefined || typeof chunk === 'function' || typeof chunk === 'symbol') {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'The "chunk" argument must be a chunk of a stream')
  }
  const handle = typeof chunk === 'object' && chunk !== null ? handleOf(chunk) : undefined
  handle?.check()
  const lease = handle?.owner
  if (handle === undefined || !(lease instanceof Lease) || lease.source === undefined) {
    const copy = copyValue(chunk)
    const { port1, port2 } = newPorts(copy)
    port1.unref()
    return { port: port2, copy }
  }
  const memory = describeMemory(lease, lease.source, handle.number)
  const { keeper, places } = lease.source
  const { port1, port2 } = newPorts(memory)
  keepFor(port1, lease)
  if (keeper.home !== undefined) passHome(keeper.home, port1)
  // What lasts as long as the port must not keep the memory's description: that it is collected closes the port.
  const { hold } = memory
  const forget = leaveAtEnd(port2, hold, places)
  port1.once('close', () => {
    // If nobody has taken it by then.
    native.dropHold(hold)
    forget()
  })
  return { port: port2, memory }
}

/**
 * Closes the ports of what nobody can send any more: what was posted to a worker that had ended is not transferred, and
 * nothing else would ever close its port. That of what has been transferred is detached, and closing it does nothing.
 */
const forgotten = new FinalizationRegistry<MessagePort>(port => port.close())

/** A port to keep, and one to send with `content`. */
function newPorts(content: object): MessageChannel {
  const channel = new MessageChannel()
  // Not the shared object, which users may take apart.
  forgotten.register(content, channel.port2)
  return channel
}

function describeMemory(lease: Lease, source: LeaseSource, handle: number): SharedMemory {
  const { views } = lease
  const { meta, parts } = source.open()
  const decoder = Object.entries(decoders).find(([, decode]) => decode === source.decode)?.[0]
  if (decoder === undefined) throw new VineyardError('ERR_VINEYARD_TYPE', 'this chunk cannot be shared')
  return {
    decoder: decoder as SharedMemory['decoder'],
    hold: source.keeper.hold(),
    object: source.keeper.object,
    meta,
    instanceId: source.instanceId,
    handle,
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
