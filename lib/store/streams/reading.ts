import { Status } from '../../errors.js'
import type { ObjectId } from '../../protocol/ids.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import { Waiting } from '../waiting.js'
import type { Consumption } from './consumption.js'
import type { Puller, Seat } from './seat.js'
import type { SlowReaders } from './slow-readers.js'
import { type Chunk, type Stream, wrongState } from './stream.js'
import type { StreamTable } from './stream-table.js'

/**
 * The part of a store that readers together may hold ahead of what they look at, where the writer is not to wait for
 * them: what they hold cannot be taken back from them, and a window bounds only what they do not hold yet. Elsewhere the
 * window counts what they hold.
 */
const aheadShare = 1 / 4
/** What a reader that comes late has to read what the others have read already, in ms. */
const catchUp = 1000

/** How chunks get from the queue of a seat to its reader, and back out of the store. */
export class StreamReading {
  readonly #table: StreamTable
  readonly #consumption: Consumption
  readonly #slow: SlowReaders
  /** Bytes that all readers together may hold ahead. */
  readonly #aheadBytes: number
  /** Called when a reader has been told of the end of its stream. */
  onEnd: () => void = () => {}
  /** Called when more can be given up of a stream whose writer does not wait for its readers. */
  onMoved: () => void = () => {}

  /** `memory` is the size of the store. */
  constructor(table: StreamTable, consumption: Consumption, slow: SlowReaders, memory: number) {
    this.#table = table
    this.#consumption = consumption
    this.#slow = slow
    this.#aheadBytes = memory * aheadShare
  }

  /** Gives a connection its seat. Throws 45 where all are taken. */
  addReader(stream: Stream, peer: Peer): Seat {
    const own = stream.seatOf(peer)
    if (own) return own
    const seat = stream.freeSeat
    if (!seat) throw allTaken(stream)
    seat.sit(peer)
    peer.reading.add(stream)
    this.#table.note(stream)
    if (stream.sharing.policy === 'evict' && seat.backlog > 0) this.#letCatchUp(stream, seat)
    return seat
  }

  /**
   * Gives up the chunk that was pulled before and answers with the next, at once or when there is one. `make` composes
   * the reply. Throws or fails with 42 at the end, 43 where the stream failed, 44 if another pull waits.
   */
  pull(peer: Peer, id: ObjectId, make: (chunk: ObjectId, missed: number) => string): string | Waiting {
    const stream = this.#table.get(id)
    const seat = this.#readable(stream, peer)
    this.#leave(stream, seat, Infinity)
    return this.#take(stream, seat, {
      peer,
      max: 1,
      maxBytes: 0,
      make: ([chunk]) => make((chunk as Chunk).id, seat.missed)
    })
  }

  /**
   * The same for several chunks, of which the reader says with `leave` how many it has done with: at most `max`, and at
   * most `maxBytes` in them, but at least one. `make` also gets how many chunks this reader has missed so far.
   */
  pullMany(
    peer: Peer,
    id: ObjectId,
    limits: { max: number; maxBytes: number },
    make: (chunks: readonly Chunk[], missed: number) => string
  ): string | Waiting {
    const stream = this.#table.get(id)
    const seat = this.#readable(stream, peer)
    const { max, maxBytes } = limits
    return this.#take(stream, seat, { peer, max, maxBytes, make: chunks => make(chunks, seat.missed) })
  }

  /** The reader has done with the oldest `count` chunks that it has. */
  leave(peer: Peer, id: ObjectId, count: number): void {
    const stream = this.#table.find(id)
    const seat = stream?.seatOf(peer)
    if (!stream || !seat) return
    this.#leave(stream, seat, count)
    // It may have more now that it holds less.
    if (seat.puller) this.serve(stream)
  }

  /** Hands the waiting pulls what there is for them: chunks, or the end. */
  serve(stream: Stream): void {
    this.#table.note(stream)
    for (const seat of stream.seats) {
      const { puller } = seat
      if (!puller) continue
      if (this.#mayTake(stream, seat)) {
        const chunks = this.#deliver(stream, seat, puller)
        puller.waiting.settle(() => puller.make(chunks))
      } else if (stream.ended && seat.ready.length === 0) {
        puller.waiting.fail(this.#endOf(stream, seat))
      }
    }
  }

  /**
   * The connection reads no more. What it had not taken goes back in line if the stream is resumable, and is given up
   * otherwise, with the seat.
   */
  removeReader(stream: Stream, peer: Peer, reason: RequestError): void {
    const seat = stream.seatOf(peer)
    peer.reading.delete(stream)
    if (!seat) return
    seat.puller?.waiting.fail(reason)
    seat.rise(peer)
    if (stream.sharing.resumable && !(seat.endDelivered && seat.backlog === 0)) {
      seat.rewind()
    } else {
      seat.gone ??= reason
      this.#consumption.clear(stream, seat)
    }
    // With the last reader the stream goes, which is what its writer is told then.
    if (stream.seats.every(({ gone }) => gone)) this.#table.note(stream)
    else this.moved(stream)
  }

  /** Deletes a chunk that cannot come into its stream any more. */
  discard(chunk: Chunk): void {
    this.#consumption.discard(chunk)
  }

  /** Ends whatever is read from a stream that has been removed, and deletes its chunks. */
  clear(stream: Stream, error: RequestError): void {
    for (const seat of stream.seats) {
      seat.puller?.waiting.fail(error)
      this.#consumption.clear(stream, seat)
      for (const reader of seat.readers) {
        reader.reading.delete(stream)
        seat.rise(reader)
      }
    }
    this.#table.note(stream)
  }

  /** Something of a stream has been consumed or is in demand: whoever it concerns is told. */
  moved(stream: Stream): void {
    const demanded = stream.demand !== undefined
    this.#slow.relieve(stream)
    if (stream.sharing.policy !== 'wait') this.onMoved()
    this.#consumption.tell(stream, demanded && stream.demand === undefined)
    this.#table.note(stream)
  }

  #letCatchUp(stream: Stream, seat: Seat): void {
    seat.safeUntil = performance.now() + catchUp
    // Nothing else may move until then.
    const timer = setTimeout(() => {
      if (this.#table.has(stream)) this.moved(stream)
    }, catchUp + 1)
    timer.unref()
  }

  #readable(stream: Stream, peer: Peer): Seat {
    const seat = stream.seatOf(peer) ?? stream.freeSeat
    if (!seat) throw allTaken(stream)
    if (seat.gone) throw seat.gone
    if (seat.puller) throw wrongState(stream, 'another reader is waiting')
    return this.addReader(stream, peer)
  }

  #endOf(stream: Stream, seat: Seat): RequestError {
    // What it holds is still to be looked at: a reader that pulls many at a time is told while it has some in line.
    seat.endDelivered = true
    this.#table.note(stream)
    this.onEnd()
    return stream.ended === 'drained'
      ? new RequestError(Status.StreamDrained, 'there are no more chunks')
      : new RequestError(Status.StreamFailed, stream.reason)
  }

  #take(stream: Stream, seat: Seat, pull: Omit<Puller, 'waiting'>): string | Waiting {
    if (this.#mayTake(stream, seat)) {
      const chunks = this.#deliver(stream, seat, pull)
      return pull.make(chunks)
    }
    if (stream.ended && seat.ready.length === 0) throw this.#endOf(stream, seat)
    const waiting = new Waiting().onEnd(() => (seat.puller = undefined))
    // Field by field: a spread would make it an object of a form of its own, slowly, with each chunk.
    const { peer, max, maxBytes, make } = pull
    seat.puller = { peer, max, maxBytes, make, waiting }
    return waiting
  }

  /** Whether there is a chunk for the reader, and it may hold it with those that it holds. One it may always hold. */
  #mayTake(stream: Stream, { ready, held }: Seat): boolean {
    const next = ready.peek()
    if (!next) return false
    return held.length === 0 || next.bytes <= this.#roomAhead(stream, held)
  }

  /** Bytes that a reader may take ahead of what it holds. The share of one that has not come yet is kept for it. */
  #roomAhead({ sharing }: Stream, held: Seat['held']): number {
    if (sharing.policy === 'wait') return Infinity
    const share = this.#aheadBytes / Math.max(this.#table.readers, sharing.consumers)
    return share - held.sum(({ chunk }) => chunk.bytes)
  }

  /** Moves what a pull may have from the queue to what the reader holds. */
  #deliver(stream: Stream, seat: Seat, { peer, max, maxBytes }: Omit<Puller, 'waiting'>): Chunk[] {
    const chunks: Chunk[] = []
    const most = Math.min(maxBytes, this.#roomAhead(stream, seat.held))
    let bytes = 0
    for (let next = seat.ready.peek(); next; next = seat.ready.peek()) {
      bytes += next.bytes
      if (chunks.length > 0 && (chunks.length >= max || bytes > most)) break
      seat.ready.shift()
      chunks.push(next)
      seat.held.push({ chunk: next, reader: peer })
      this.#consumption.delivered(stream, next)
    }
    this.#consumption.tell(stream, false)
    this.#table.note(stream)
    return chunks
  }

  /** Deletes the oldest `count` chunks that readers hold, and tells the writer that they were consumed. */
  #leave(stream: Stream, seat: Seat, count: number): void {
    for (let left = count; left > 0; left -= 1) {
      const held = seat.held.shift()
      if (!held) break
      this.#consumption.left(stream, held.chunk, held.reader)
    }
    this.moved(stream)
  }
}

export function allTaken(stream: Stream): RequestError {
  const why = stream.exclusive ? `has all of its ${stream.sharing.consumers} readers` : 'is already open'
  return new RequestError(Status.StreamOpened, `the stream ${stream.id} ${why}`)
}
