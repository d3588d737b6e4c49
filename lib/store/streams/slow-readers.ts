import { Status } from '../../errors.js'
import { RequestError } from '../request-error.js'
import type { Consumption } from './consumption.js'
import type { Seat } from './seat.js'
import type { Chunk, QueuedChunk, Stream } from './stream.js'

/**
 * What is done about a reader that the others and the writer would have to wait for, by the policy of the stream: `drop`
 * lets it miss its oldest chunks, `evict` fails it as soon as another reader has nothing left to read. Where nobody reads
 * faster than the slowest, `evict` waits as `wait` does, and so it does for readers that have not come yet. One that
 * comes late has a second to catch up.
 */
export class SlowReaders {
  readonly #consumption: Consumption

  constructor(consumption: Consumption) {
    this.#consumption = consumption
  }

  /** Does what the writer's demand needs; called whenever something has moved. */
  relieve(stream: Stream): void {
    const { demand } = stream
    if (!demand) return
    while (stream.consumedChunks < demand.chunks || stream.consumedBytes < demand.bytes) {
      if (!this.giveUp(stream)) break
    }
    if (stream.consumedChunks >= demand.chunks && stream.consumedBytes >= demand.bytes)
      stream.demand = undefined
  }

  /** The chunks that nobody would need any more if everything were given up that `giveUp` can. */
  expendable(stream: Stream): Chunk[] {
    switch (stream.sharing.policy) {
      case 'wait':
        return []
      case 'drop':
        return neededOnlyBy(stream.seats.map(({ ready }) => [...ready]))
      case 'evict':
        return neededOnlyBy(this.#evictable(stream).map(losesWithItsSeat))
    }
  }

  /** Gives up the oldest chunk, or the slowest reader. False if there is none to be given up. */
  giveUp(stream: Stream): boolean {
    switch (stream.sharing.policy) {
      case 'wait':
        return false
      case 'drop':
        return this.#drop(stream)
      case 'evict':
        return this.#evict(stream)
    }
  }

  /** The oldest chunk that somebody has not been given. */
  #drop(stream: Stream): boolean {
    let oldest = Infinity
    for (const seat of stream.seats) oldest = Math.min(oldest, seat.ready.peek()?.number ?? Infinity)
    if (oldest === Infinity) return false
    for (const seat of stream.seats) {
      if (seat.ready.peek()?.number !== oldest) continue
      seat.missed += 1
      this.#consumption.skip(stream, seat)
    }
    return true
  }

  #evict(stream: Stream): boolean {
    const [slowest] = this.#evictable(stream)
    if (!slowest) return false
    this.#fail(stream, slowest)
    return true
  }

  /** Who can be failed one after the other, the slowest first: up to the first one that must not be. */
  #evictable(stream: Stream): Seat[] {
    const present = stream.seats.filter(seat => !seat.gone)
    if (!present.some(seat => seat.readers.size > 0 && seat.backlog === 0)) return []
    const slowestFirst = present.sort((a, b) => b.backlog - a.backlog)
    const now = performance.now()
    const safe = slowestFirst.findIndex(
      seat => seat.backlog === 0 || seat.readers.size === 0 || seat.safeUntil > now
    )
    return safe < 0 ? slowestFirst : slowestFirst.slice(0, safe)
  }

  #fail(stream: Stream, seat: Seat): void {
    const message = `stream ${stream.id}: this reader was too slow, and the others did not wait for it`
    const [reader] = seat.readers
    const status = (reader?.extension ?? 0) > 0 ? Status.ReaderEvicted : Status.StreamFailed
    seat.gone = new RequestError(status, message)
    this.#consumption.clear(stream, seat)
    seat.puller?.waiting.fail(seat.gone)
  }
}

/** What its reader is still to copy out of a block stays, whatever becomes of its seat. */
function losesWithItsSeat({ ready, held, readers }: Seat): QueuedChunk[] {
  const lost = [...held].filter(({ chunk, reader }) => !chunk.block || !readers.has(reader))
  return [...ready, ...lost.map(({ chunk }) => chunk)]
}

/** Of the chunks that seats give up, each of them in one list, those that no other seat has. */
function neededOnlyBy(lists: readonly (readonly QueuedChunk[])[]): Chunk[] {
  const counts = new Map<QueuedChunk, number>()
  for (const chunk of lists.flat()) counts.set(chunk, (counts.get(chunk) ?? 0) + 1)
  return [...counts].filter(([chunk, count]) => count === chunk.seats).map(([chunk]) => chunk)
}
