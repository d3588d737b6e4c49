/**
 * What a store tells of itself to those who watch it: the reply to `store_snapshot_request { objects }`, and what the page of
 * `serve --ui` draws. Sizes are bytes.
 */
import type { ObjectId } from './ids.js'

export interface StoreSnapshot {
  /** Milliseconds since 1970. */
  time: number
  memory: {
    limit: number
    /** In blobs, those included that were deleted and are still held. */
    used: number
    /** In blobs that clients of this package hold views of. */
    leased: number
    /** In chunks that foreign readers have left behind and may still look at. */
    kept: number
  }
  counts: { blobs: number; objects: number; names: number; streams: number }
  /** Requests that wait: for an object or name, for memory, for a chunk. */
  waiting: { objects: number; memory: number; chunks: number }
  /** Since the store was started; streams that are gone included. */
  totals: {
    requests: number
    errors: number
    chunksWritten: number
    bytesWritten: number
    chunksRead: number
    bytesRead: number
  }
  streams: StreamSnapshot[]
  connections: ConnectionSnapshot[]
  /** Objects that are members of no other; only if they were asked for. */
  objects?: ObjectSnapshot[]
}

export interface StreamSnapshot {
  id: ObjectId
  typename: string
  name: string | undefined
  state: 'open' | 'finished' | 'failed'
  /** Why it failed. */
  reason: string | undefined
  /** Chunks that have not been pulled; where there are several readers, by the slowest. */
  waiting: number
  waitingBytes: number
  /** Chunks that its reader has and has not left behind. */
  held: number
  /** Chunks that readers were too slow for, where the stream drops them. */
  missed: number
  /** Since it was created. They only grow: a chunk is read when the last of several readers has it, and once if it is delivered again. */
  chunksWritten: number
  bytesWritten: number
  chunksRead: number
  bytesRead: number
  /** Numbers of the connections at its ends. */
  readers: number[]
  writers: number[]
  /** A reader waits for a chunk, a writer for memory. */
  blocked: 'reader' | 'writer' | undefined
}

export interface ConnectionSnapshot {
  number: number
  /** The process at the other end; undefined for one that came by TCP. */
  pid: number | undefined
  /** Whether it is this package's client, which gives leases back. */
  extended: boolean
  leases: number
  leasedBytes: number
  keptBytes: number
}

export interface ObjectSnapshot {
  id: ObjectId
  typename: string
  bytes: number
  name: string | undefined
  persistent: boolean
  /** Processes that look at its memory. */
  holders: number[]
}
