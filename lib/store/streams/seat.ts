import { Fifo } from '../fifo.js'
import type { Peer } from '../peer.js'
import type { RequestError } from '../request-error.js'
import type { Waiting } from '../waiting.js'
import type { Chunk, QueuedChunk } from './stream.js'

/** A chunk that a reader has, until it leaves it behind: with its next pull, or by saying so. */
export interface HeldChunk {
  chunk: QueuedChunk
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

/** A stream has room for readers that may never come: until one does, a seat has no set of its own. */
const nobody: ReadonlySet<Peer> = new Set()

/** The place of one reader in a stream. Each sees every chunk; a plain stream has one, a shared one several. */
export class Seat {
  readonly ready = new Fifo<QueuedChunk>()
  readonly held = new Fifo<HeldChunk>()
  #readers: Set<Peer> | undefined
  /** The pull that waits for a chunk. */
  puller: Puller | undefined
  /** Its reader has been told that there are no more chunks. */
  endDelivered = false
  /** Nobody takes this seat any more, and it holds nothing. What its reader gets, if it is still there. */
  gone: RequestError | undefined
  /** Chunks that its reader was too slow for. */
  missed = 0
  /** Until then (of performance.now()) it is not too slow: it has come late, and has to catch up. */
  safeUntil = 0
  /** Counted among those that are being read. */
  counted = false

  /** Who sits here; more than one only where anybody may pull. */
  get readers(): ReadonlySet<Peer> {
    return this.#readers ?? nobody
  }

  sit(peer: Peer): void {
    this.#readers ??= new Set()
    this.#readers.add(peer)
  }

  rise(peer: Peer): void {
    this.#readers?.delete(peer)
  }

  /** Chunks that have been queued and not left behind. */
  get backlog(): number {
    return this.ready.length + this.held.length
  }

  /** Whether a reader that is there holds chunks. */
  get busy(): boolean {
    return this.readers.size > 0 && this.held.length > 0
  }

  /** Puts what its reader had back in line, for the next one. */
  rewind(): void {
    this.endDelivered = false
    const chunks: QueuedChunk[] = []
    for (let held = this.held.shift(); held; held = this.held.shift()) {
      held.chunk.undelivered += 1
      chunks.push(held.chunk)
    }
    for (let chunk = this.ready.shift(); chunk; chunk = this.ready.shift()) chunks.push(chunk)
    for (const chunk of chunks) this.ready.push(chunk)
  }
}
