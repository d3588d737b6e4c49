import { Status } from '../../errors.js'
import type { ObjectId } from '../../protocol/ids.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import { Waiting } from '../waiting.js'
import { type Chunk, type Puller, type Stream, wrongState } from './stream.js'
import type { StreamTable } from './stream-table.js'

/** Deletes a chunk with everything that belongs to it. `reader` is a foreign one that may still look at it. */
export type DeleteChunk = (chunk: Chunk, reader?: Peer) => void

/** How chunks get from a stream's queue to its reader, and when they are deleted. */
export class StreamReading {
  readonly #table: StreamTable
  readonly #deleteChunk: DeleteChunk
  /** Called when a reader has been told of the end of its stream. */
  onEnd: () => void = () => {}

  constructor(table: StreamTable, deleteChunk: DeleteChunk) {
    this.#table = table
    this.#deleteChunk = deleteChunk
  }

  addReader(stream: Stream, peer: Peer): void {
    if (stream.readers.has(peer)) return
    stream.readers.add(peer)
    peer.reading.add(stream)
    this.#table.note(stream)
  }

  /**
   * Gives up the chunk that was pulled before and answers with the next, at once or when there is one. `make` composes
   * the reply. Throws or fails with 42 at the end, 43 where the stream failed, 44 if another pull waits.
   */
  pull(peer: Peer, id: ObjectId, make: (chunk: ObjectId) => string): string | Waiting {
    const stream = this.#table.get(id)
    checkReadable(stream)
    this.#leave(stream, Infinity)
    return this.#take(stream, {
      peer,
      max: 1,
      maxBytes: 0,
      make: ([chunk]) => make((chunk as Chunk).id)
    })
  }

  /**
   * The same for several chunks, of which the reader says with `leave` how many it has done with: at most `max`, and at
   * most `maxBytes` in them, but at least one.
   */
  pullMany(
    peer: Peer,
    id: ObjectId,
    limits: { max: number; maxBytes: number },
    make: (chunks: readonly Chunk[]) => string
  ): string | Waiting {
    const stream = this.#table.get(id)
    checkReadable(stream)
    return this.#take(stream, { peer, ...limits, make })
  }

  /** The reader has done with the oldest `count` chunks that it has. */
  leave(peer: Peer, id: ObjectId, count: number): void {
    const stream = this.#table.find(id)
    if (stream?.readers.has(peer)) this.#leave(stream, count)
  }

  /** Hands the waiting pull what there is for it: chunks, or the end. */
  serve(stream: Stream): void {
    this.#table.note(stream)
    const { puller } = stream
    if (!puller) return
    if (stream.ready.length > 0) {
      const chunks = this.#deliver(stream, puller)
      puller.waiting.settle(() => puller.make(chunks))
    } else if (stream.ended) {
      puller.waiting.fail(this.#endOf(stream))
    }
  }

  /** Ends whatever is read from a stream that has been removed, and deletes its chunks. */
  clear(stream: Stream, error: RequestError): void {
    stream.puller?.waiting.fail(error)
    for (let chunk = stream.held.shift(); chunk; chunk = stream.held.shift()) this.#deleteChunk(chunk)
    for (let chunk = stream.ready.shift(); chunk; chunk = stream.ready.shift()) this.#deleteChunk(chunk)
    for (const reader of stream.readers) reader.reading.delete(stream)
    stream.readers.clear()
    this.#table.note(stream)
  }

  #endOf(stream: Stream): RequestError {
    // A reader that is told of the end has done with everything before it.
    this.#leave(stream, Infinity)
    stream.endDelivered = true
    this.#table.note(stream)
    this.onEnd()
    return stream.ended === 'drained'
      ? new RequestError(Status.StreamDrained, 'there are no more chunks')
      : new RequestError(Status.StreamFailed, stream.reason)
  }

  #take(stream: Stream, pull: Omit<Puller, 'waiting'>): string | Waiting {
    this.addReader(stream, pull.peer)
    if (stream.ready.length > 0) return pull.make(this.#deliver(stream, pull))
    if (stream.ended) throw this.#endOf(stream)
    const waiting = new Waiting().onEnd(() => (stream.puller = undefined))
    stream.puller = { ...pull, waiting }
    return waiting
  }

  /** Moves what a pull may have from the queue to what the reader holds. */
  #deliver(stream: Stream, { peer, max, maxBytes }: Omit<Puller, 'waiting'>): Chunk[] {
    const chunks: Chunk[] = []
    let bytes = 0
    for (let next = stream.ready.peek(); next; next = stream.ready.peek()) {
      bytes += next.bytes
      if (chunks.length > 0 && (chunks.length >= max || bytes > maxBytes)) break
      stream.ready.shift()
      chunks.push(next)
      stream.held.push({ ...next, reader: peer })
    }
    this.#table.note(stream)
    return chunks
  }

  /** Deletes the oldest `count` chunks that readers hold, and tells the writer that they were consumed. */
  #leave(stream: Stream, count: number): void {
    const before = stream.consumedChunks
    for (let left = count; left > 0; left -= 1) {
      const chunk = stream.held.shift()
      if (!chunk) break
      const { reader } = chunk
      // A reader without shared memory has its own copy.
      const looks = reader.extension === 0 && reader.carriesFds && !reader.closed
      this.#deleteChunk(chunk, looks ? reader : undefined)
      stream.consumedChunks += 1
      stream.consumedBytes += chunk.bytes
    }
    const { opener } = stream
    if (stream.consumedChunks > before && opener && opener.extension > 0 && !opener.closed) {
      const { id, consumedChunks: chunks, consumedBytes: bytes } = stream
      opener.notify({ event: 'stream_consumed', id, chunks, bytes })
    }
  }
}

function checkReadable(stream: Stream): void {
  if (stream.puller) throw wrongState(stream, 'another reader is waiting')
}
