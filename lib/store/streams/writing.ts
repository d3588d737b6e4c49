import { Status } from '../../errors.js'
import { emptyBlobId, isBlobId, type ObjectId } from '../../protocol/ids.js'
import type { Blob } from '../blob.js'
import type { Blobs } from '../blobs.js'
import type { HeapShare } from '../heap-share.js'
import type { MemoryQueue, MemoryRequest } from '../memory-queue.js'
import type { Metadata } from '../metadata.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import { Waiting } from '../waiting.js'
import type { StreamReading } from './reading.js'
import type { SlowReaders } from './slow-readers.js'
import { type Chunk, type Stream, wrongState } from './stream.js'
import type { StreamTable } from './stream-table.js'

/** get_next_stream_chunk waits while the store is fuller than this. */
const threshold = 0.8
/**
 * A stream holds no more chunks, times the readers it was created for: each place in a line is memory of this process,
 * however small the blobs are.
 */
const maxPlaces = 2 ** 20

/** Whether a request would find memory if these chunks were deleted. */
export type WouldFit = (chunks: readonly Chunk[], request: MemoryRequest) => boolean

/** How chunks come into a stream's queue. */
export class StreamWriting {
  readonly #table: StreamTable
  readonly #reading: StreamReading
  readonly #slow: SlowReaders
  readonly #blobs: Blobs
  readonly #metadata: Metadata
  readonly #memory: MemoryQueue
  readonly #wouldFit: WouldFit
  readonly #heap: HeapShare
  /** Called for an object that was pushed by its id. */
  onPushed: (id: ObjectId) => void = () => {}

  constructor(
    table: StreamTable,
    reading: StreamReading,
    slow: SlowReaders,
    blobs: Blobs,
    metadata: Metadata,
    memory: MemoryQueue,
    wouldFit: WouldFit,
    heap: HeapShare
  ) {
    this.#table = table
    this.#reading = reading
    this.#slow = slow
    this.#blobs = blobs
    this.#metadata = metadata
    this.#memory = memory
    this.#wouldFit = wouldFit
    this.#heap = heap
  }

  addWriter(stream: Stream, peer: Peer): void {
    stream.writers.add(peer)
    peer.writing.add(stream)
  }

  /** Queues a chunk, whether it exists or not. Returns the bytes it is counted with. */
  push(peer: Peer, id: ObjectId, chunk: ObjectId): number {
    const stream = this.writable(peer, id)
    const bytes = this.#bytesOf(chunk)
    const blob = isBlobId(chunk) ? this.#blobs.find(chunk) : undefined
    if (blob) this.#blobs.unscope(blob)
    else this.onPushed(chunk)
    this.queue(stream, [{ id: chunk, bytes }])
    return bytes
  }

  /** The stream, for a connection that is about to write `count` chunks to it. Throws 44 or 43 where it must not, or as `admit`. */
  writable(peer: Peer, id: ObjectId, count = 1): Stream {
    const stream = this.#table.get(id)
    checkWritable(stream, peer)
    if (count > 0) this.admit(stream, count)
    this.addWriter(stream, peer)
    return stream
  }

  /** Throws 41 where a stream or the heap has no room for so many chunks more, which take `bytes` beside their places. */
  admit(stream: Stream, count: number, bytes = 0): void {
    if ((stream.chunks + count) * stream.seats.length > maxPlaces) {
      throw new RequestError(
        Status.NotEnoughMemory,
        `stream ${stream.id} holds ${stream.chunks} chunks already`
      )
    }
    this.#heap.admit(count * stream.placeBytes + bytes)
  }

  /** Queues chunks, and hands them to the readers that wait. */
  queue(stream: Stream, chunks: readonly Chunk[]): void {
    if (!this.#table.has(stream)) {
      for (const chunk of chunks) this.#reading.discard(chunk)
      return
    }
    for (const chunk of chunks) this.#append(stream, chunk)
    this.#reading.serve(stream)
    // The window may be filling now, and its writer not know all that has been consumed.
    if (stream.demand || stream.consumedChunks > stream.toldChunks) this.#reading.moved(stream)
  }

  /** The writer cannot go on before so much of what it has pushed has been consumed. */
  demand(peer: Peer, id: ObjectId, demand: { chunks: number; bytes: number }): void {
    const stream = this.#table.find(id)
    if (!stream?.writers.has(peer)) return
    stream.demand = demand
    this.#reading.moved(stream)
  }

  /** Memory is short: whether all that `relieve` can give up for the request would make room for it. */
  helps(request: MemoryRequest): boolean {
    const chunks = streamsOf(request).flatMap(stream => this.#slow.expendable(stream))
    return chunks.length > 0 && this.#wouldFit(chunks, request)
  }

  /** Memory is short: gives up something of a stream that the request writes to, if its policy allows that. */
  relieve(request: MemoryRequest): boolean {
    for (const stream of streamsOf(request)) {
      if (!this.#slow.giveUp(stream)) continue
      this.#reading.moved(stream)
      return true
    }
    return false
  }

  /**
   * Publishes what the last call made and makes a new blob of `size` bytes, sooner or later. `make` composes the reply;
   * it gets undefined for the empty blob. Throws 41 where the blob could never be made.
   */
  allocate(
    peer: Peer,
    id: ObjectId,
    size: number,
    make: (blob: Blob | undefined) => string
  ): string | Waiting {
    this.filled(peer, id)
    const stream = this.writable(peer, id)
    this.publish(stream)
    this.#reading.serve(stream)
    // A reader that could not be told has gone, and its stream with it.
    if (this.#table.get(id) !== stream) throw wrongState(stream, 'it has been dropped')
    if (size === 0) {
      // The empty blob is in order like any other chunk.
      this.queue(stream, [{ id: emptyBlobId, bytes: 0 }])
      return make(undefined)
    }
    if (size >= this.#blobs.limit * threshold) {
      throw new RequestError(
        Status.NotEnoughMemory,
        `a chunk of ${size} bytes can never be made: streams may use ${threshold * 100} % of ${this.#blobs.limit} bytes`
      )
    }
    const waiting = new Waiting()
    const attempt = (): boolean => {
      if (!this.#blobs.reduceBelow(this.#blobs.limit * threshold - size)) return false
      const blob = this.#blobs.create(size, peer, false, 'soon')
      if (!blob) return false
      stream.writing = blob
      peer.fillsFor.set(id, blob)
      waiting.settle(() => make(blob))
      return true
    }
    stream.allocation = waiting
    waiting.onEnd(() => (stream.allocation = undefined))
    const spare = this.#blobs.limit * (1 - threshold)
    this.#memory.add({ peer, waiting, bytes: size, spare, stream, attempt })
    return waiting
  }

  /** The connection has finished writing to what get_next_stream_chunk made for it. */
  filled(peer: Peer, id: ObjectId): void {
    const blob = peer.fillsFor.get(id)
    if (blob) this.#blobs.letGo(blob)
    peer.fillsFor.delete(id)
  }

  /** Seals and queues what get_next_stream_chunk made. */
  publish(stream: Stream): void {
    const blob = stream.writing
    stream.writing = undefined
    if (!blob || blob.deleted) return
    this.#blobs.seal(blob, undefined)
    this.#append(stream, { id: blob.id, bytes: blob.size })
  }

  /** Frees what get_next_stream_chunk made: nobody will publish it. */
  discard(stream: Stream): void {
    if (stream.writing) this.#blobs.delete(stream.writing)
    stream.writing = undefined
  }

  /** Ends what the writers wait for. Their failure is for everybody but `by`, who has caused it. */
  tell(stream: Stream, error: RequestError, by: Peer | undefined): void {
    stream.allocation?.fail(error)
    this.#memory.failWritersOf(stream, error)
    const { opener } = stream
    if (opener && opener !== by && opener.extension > 0 && !opener.closed) {
      opener.notify({ event: 'stream_failed', id: stream.id, code: error.status, message: error.message })
    }
  }

  #append(stream: Stream, { id, bytes, block }: Chunk): void {
    const seats = stream.exclusive ? stream.seats.filter(seat => !seat.gone) : stream.seats
    const count = seats.length
    const chunk = {
      id,
      bytes,
      block,
      number: stream.pushedChunks,
      seats: count,
      undelivered: count,
      taken: false,
      counted: false,
      foreign: undefined
    }
    this.#heap.count(stream.placeBytes)
    stream.chunks += 1
    stream.pushedChunks += 1
    stream.pushedBytes += bytes
    for (const seat of seats) seat.ready.push(chunk)
  }

  #bytesOf(chunk: ObjectId): number {
    return isBlobId(chunk) ? (this.#blobs.find(chunk)?.size ?? 0) : (this.#metadata.find(chunk)?.bytes ?? 0)
  }
}

/** What a request for memory may be for. */
function streamsOf({ stream, peer }: MemoryRequest): Stream[] {
  return stream ? [stream] : [...peer.writing]
}

function checkWritable(stream: Stream, peer: Peer): void {
  if (stream.allocation) throw wrongState(stream, 'another writer is waiting for memory')
  if (stream.ended === 'failed' && peer.extension > 0) {
    throw new RequestError(Status.StreamFailed, stream.reason)
  }
  if (stream.ended) throw wrongState(stream, 'the stream has been stopped')
}
