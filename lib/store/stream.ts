import type { ObjectId } from '../protocol/ids.js'
import type { Blob } from './blob.js'
import { Fifo } from './fifo.js'
import type { Peer } from './peer.js'
import type { Waiting } from './waiting.js'

/** A chunk on its way. `bytes` is what it was counted with when it was pushed. */
export interface Chunk {
  id: ObjectId
  bytes: number
}

/** The chunk that the reader has, until its next pull. */
export interface CurrentChunk extends Chunk {
  reader: Peer
}

/** The state of one stream. What happens to it is decided by Streams. */
export class Stream {
  /** Bits of the modes it has been opened with. */
  opened = 0
  /** How it was stopped: by its writer (`drained`), or because something went wrong (`failed`). */
  ended: 'drained' | 'failed' | undefined
  /** Why it failed, for the error that readers and writers get. */
  reason = ''
  /** A reader has been told that there are no more chunks. */
  endDelivered = false
  readonly ready = new Fifo<Chunk>()
  current: CurrentChunk | undefined
  /** What get_next_stream_chunk made last, published by the next one. */
  writing: Blob | undefined
  /** The pull that waits for a chunk. */
  puller: { peer: Peer; waiting: Waiting; make: (chunk: ObjectId) => string } | undefined
  /** The get_next_stream_chunk that waits for memory. */
  allocation: Waiting | undefined
  readonly writers = new Set<Peer>()
  readonly readers = new Set<Peer>()
  /** The connection that opened it for writing, which gets the events. */
  opener: Peer | undefined
  consumedChunks = 0
  consumedBytes = 0
  /** Counted among those that are being read. */
  counted = false

  constructor(readonly id: ObjectId) {}
}
