import { Status } from '../../errors.js'
import type { ObjectId } from '../../protocol/ids.js'
import type { Template } from '../../protocol/template.js'
import type { Blob } from '../blob.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import type { Waiting } from '../waiting.js'
import type { WindowLimits } from '../../protocol/window.js'
import { Seat } from './seat.js'

/** A chunk on its way. `bytes` is what it was counted with when it was pushed. */
export interface Chunk {
  id: ObjectId
  bytes: number
  /** The block that it lies in: its memory stays until the chunk is consumed, whoever deletes the chunk before. */
  block?: Blob | undefined
}

/** A chunk in a stream: one, however many readers there are. */
export interface QueuedChunk extends Chunk {
  /** Its place in the stream, from 0. */
  number: number
  /** How many seats have not left it behind. The last one deletes it. */
  seats: number
  /** How many seats have not been given it. */
  undelivered: number
  /** Whether a reader has been given it. */
  taken: boolean
  /** Whether it is among the totals of what was read, for ever: it may come back in line. */
  counted: boolean
  /** A foreign reader that has left it behind and may still look at it. */
  foreign: Peer | undefined
}

/** What happens when one reader of several is slower than the others; see SlowReaders. */
export type Policy = 'wait' | 'drop' | 'evict'

/** How a stream of several readers, or of one after the other, differs from a plain one. */
export interface Sharing {
  readonly consumers: number
  readonly policy: Policy
  /** What a lost reader had not taken is kept for the one that takes its seat. */
  readonly resumable: boolean
}

const alone: Sharing = { consumers: 1, policy: 'wait', resumable: false }

/** Since a stream was created, or of several streams. They only grow. */
export interface StreamTotals {
  chunksWritten: number
  bytesWritten: number
  chunksRead: number
  bytesRead: number
}

/** What a stream, a seat of it, a chunk in line and its place in the line of one seat take of V8's heap, in bytes. */
const streamBytes = 2048
const seatBytes = 512
const chunkBytes = 512
const linePlaceBytes = 64
/** And one character of a template, which is kept as text and as what it says. */
const templateBytes = 32

/** What a stream for so many readers takes of V8's heap without its chunks and templates. */
export function heapBytesOfStream(seats: number): number {
  return streamBytes + seats * seatBytes
}

export function heapBytesOfTemplate(text: string): number {
  return templateBytes * text.length
}

/** The state of one stream. What happens to it is decided by Streams. */
export class Stream {
  /** Bits of the modes it has been opened with. */
  opened = 0
  /** How it was stopped: by its writer (`drained`), or because something went wrong (`failed`). */
  ended: 'drained' | 'failed' | undefined
  /** Why it failed, for the error that readers and writers get. */
  reason = ''
  /** Descriptions that the compact chunks of this stream share, by their number. */
  readonly templates: Template[] = []
  /** What get_next_stream_chunk made last, published by the next one. */
  writing: Blob | undefined
  /** The get_next_stream_chunk that waits for memory. */
  allocation: Waiting | undefined
  readonly writers = new Set<Peer>()
  /** The connection that opened it for writing, which gets the events. */
  opener: Peer | undefined
  /** The opener's window, if it said so: what is consumed while little is outstanding need not be told. */
  window: WindowLimits | undefined
  /** How many chunks some reader has not left behind. */
  chunks = 0
  pushedChunks = 0
  pushedBytes = 0
  /** What the window of its writer does not count any more, which need not have been read. */
  consumedChunks = 0
  consumedBytes = 0
  readChunks = 0
  readBytes = 0
  /** What of `consumedChunks` and `consumedBytes` the opener has been told. */
  toldChunks = 0
  toldBytes = 0
  /** What must have been consumed for the writer to go on. */
  demand: { chunks: number; bytes: number } | undefined
  readonly sharing: Sharing
  readonly seats: readonly Seat[]
  /** What each chunk in it takes of V8's heap. */
  readonly placeBytes: number
  /** Whether a seat belongs to one connection at a time. A plain stream has one seat for whoever comes. */
  readonly exclusive: boolean

  constructor(
    readonly id: ObjectId,
    sharing?: Sharing
  ) {
    this.sharing = sharing ?? alone
    this.exclusive = sharing !== undefined
    this.seats = Array.from({ length: this.sharing.consumers }, () => new Seat())
    this.placeBytes = chunkBytes + linePlaceBytes * this.seats.length
  }

  /** The seat that a connection sits on. */
  seatOf(peer: Peer): Seat | undefined {
    return this.seats.find(seat => seat.readers.has(peer))
  }

  /** A seat that a connection could take. */
  get freeSeat(): Seat | undefined {
    if (!this.exclusive) return this.seats[0]
    return this.seats.find(seat => seat.readers.size === 0 && !seat.gone)
  }

  /** The seat that is furthest behind. */
  get slowest(): Seat {
    return this.seats.reduce((slowest, seat) => (seat.backlog > slowest.backlog ? seat : slowest))
  }

  /** What has come into it, and what the last of its readers has been given too. */
  totals(): StreamTotals {
    return {
      chunksWritten: this.pushedChunks,
      bytesWritten: this.pushedBytes,
      chunksRead: this.readChunks,
      bytesRead: this.readBytes
    }
  }

  /** What it takes of V8's heap without its chunks. */
  get heapBytes(): number {
    return this.templates.reduce(
      (sum, { text }) => sum + heapBytesOfTemplate(text),
      heapBytesOfStream(this.seats.length)
    )
  }

  /** Whether every reader that came has been told of the end, and none is still to come. */
  get endDelivered(): boolean {
    return this.seats.every(seat => seat.endDelivered)
  }
}

export function wrongState(stream: Stream, why: string): RequestError {
  return new RequestError(Status.InvalidStreamState, `stream ${stream.id}: ${why}`)
}
