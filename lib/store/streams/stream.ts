import { Status } from '../../errors.js'
import type { ObjectId } from '../../protocol/ids.js'
import type { Template } from '../../protocol/template.js'
import type { Blob } from '../blob.js'
import { Fifo } from '../fifo.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import type { Waiting } from '../waiting.js'

/** A chunk on its way. `bytes` is what it was counted with when it was pushed. */
export interface Chunk {
  id: ObjectId
  bytes: number
  /** The block that it lies in: its memory stays until the chunk is consumed, whoever deletes the chunk before. */
  block?: Blob | undefined
}

/** A chunk that a reader has, until it leaves it behind: with its next pull, or by saying so. */
export interface HeldChunk extends Chunk {
  reader: Peer
}

/** A pull that waits: `max` chunks and `maxBytes` in them, but at least one, go to `make`. */
export interface Puller {
  peer: Peer
  waiting: Waiting
  max: number
  maxBytes: number
  make: (chunks: readonly Chunk[]) => string
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
  readonly held = new Fifo<HeldChunk>()
  /** Descriptions that the compact chunks of this stream share, by their number. */
  readonly templates: Template[] = []
  /** What get_next_stream_chunk made last, published by the next one. */
  writing: Blob | undefined
  /** The pull that waits for a chunk. */
  puller: Puller | undefined
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

export function wrongState(stream: Stream, why: string): RequestError {
  return new RequestError(Status.InvalidStreamState, `stream ${stream.id}: ${why}`)
}
