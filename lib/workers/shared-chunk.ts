import type { MessagePort } from 'node:worker_threads'
import type { LeaseObject } from '../memory/lease.js'
import type { Metadata, ReadContext } from '../objects/model.js'
import { read } from '../objects/registry.js'
import type { ObjectId } from '../protocol/ids.js'
import { decodeBatches } from '../streams/dataframe-stream.js'
import type { CopiedValue } from './copied-value.js'

/** How a value is made of metadata and blobs; functions cannot be sent. */
export const decoders = { object: read, ipc: decodeBatches } satisfies Record<
  string,
  (meta: Metadata, context: ReadContext) => unknown
>

/** Where the memory of a chunk is, for a thread of the same process. */
export interface SharedMemory {
  decoder: keyof typeof decoders
  /** The hold of the thread that shared it, which `receive` takes over. */
  hold: number
  /** The lease, if it is an object of a vineyardd. */
  object: LeaseObject | undefined
  meta: Metadata
  instanceId: number | bigint
  /** The number of the handle of what was shared, which may be a part of what comes out of the decoder. */
  handle: number
  /** The descriptor of a memory file in this process, its identity, its size, and what of it is looked at. */
  views: { fd: number; key: string; length: number; offset: number; size: number }[]
  /** Id, index of the view, offset in it and size of each blob. */
  blobs: [ObjectId, number, number, number][]
}

/**
 * A chunk on its way to another thread of this process: a plain object for `postMessage`, with its `port` in the transfer
 * list. It can be received once. What is in it besides the port is nobody's business.
 */
export interface SharedChunk {
  /** Goes into the transfer list. The lease lives as long as this end of it, wherever that is. */
  readonly port: MessagePort
  /** @internal */
  readonly memory?: SharedMemory
  /** @internal A chunk that is not in shared memory, or consists of several that are. */
  readonly copy?: CopiedValue
}
