import { Status } from '../../errors.js'
import type { ObjectId } from '../../protocol/ids.js'
import type { WindowLimits } from '../../protocol/window.js'
import type { Blobs } from '../blobs.js'
import type { HeapShare } from '../heap-share.js'
import type { MemoryQueue } from '../memory-queue.js'
import type { Metadata } from '../metadata.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import { Consumption, type DeleteChunk } from './consumption.js'
import { allTaken, StreamReading } from './reading.js'
import { SlowReaders } from './slow-readers.js'
import { type Stream, wrongState } from './stream.js'
import { StreamTable } from './stream-table.js'
import { StreamWriting, type WouldFit } from './writing.js'

/** The bits of open_stream's mode. */
const forReading = 1n
const forWriting = 2n

/**
 * The streams: queues of chunks between one writer and one reader, or as many as it was created for. A stream ends when
 * its writer stops it, and it fails when the last connection that writes to it closes before. It is dropped, with its
 * chunks, when a connection that reads from it closes before the end; a shared one when the last of them does, and a
 * resumable one never.
 */
export class Streams {
  readonly table: StreamTable
  readonly reading: StreamReading
  readonly writing: StreamWriting
  /** Called when a stream has come nearer to its end. */
  onProgress: () => void = () => {}

  constructor(
    blobs: Blobs,
    metadata: Metadata,
    memory: MemoryQueue,
    deleteChunk: DeleteChunk,
    wouldFit: WouldFit,
    heap: HeapShare
  ) {
    this.table = new StreamTable(heap)
    const consumption = new Consumption(deleteChunk, (reader, block) => blobs.lease(reader, block), heap)
    const slow = new SlowReaders(consumption)
    this.reading = new StreamReading(this.table, consumption, slow, blobs.limit)
    this.writing = new StreamWriting(this.table, this.reading, slow, blobs, metadata, memory, wouldFit, heap)
    this.reading.onEnd = () => this.onProgress()
    this.reading.onMoved = () => memory.reconsider()
    memory.helps = request => this.writing.helps(request)
    memory.relieve = request => this.writing.relieve(request)
  }

  /** Throws 45 if one of the mode's bits is taken; each can be taken once. */
  open(peer: Peer, id: ObjectId, mode: bigint, window?: WindowLimits): void {
    const stream = this.table.get(id)
    const bits = Number(BigInt.asUintN(32, mode))
    const reads = (mode & forReading) !== 0n
    // A seat that is free again can be taken again, which a bit of the mode cannot.
    const once = stream.exclusive ? bits & ~Number(forReading) : bits
    if ((stream.opened & once) !== 0 || (reads && stream.exclusive && !canSit(stream, peer)))
      throw allTaken(stream)
    stream.opened |= once
    if (reads) this.reading.addReader(stream, peer)
    if ((mode & forWriting) !== 0n) {
      this.writing.addWriter(stream, peer)
      stream.opener = peer
      stream.window = window
    }
  }

  /** Ends a stream, well or not. Throws 44 if it has ended, or if it is to end well while its writer waits. */
  stop(peer: Peer, id: ObjectId, failed: boolean): void {
    this.writing.filled(peer, id)
    const stream = this.table.get(id)
    if (stream.ended) throw wrongState(stream, 'the stream has been stopped already')
    if (stream.allocation && !failed) throw wrongState(stream, 'its writer is waiting for memory')
    this.writing.publish(stream)
    if (failed) this.#fail(stream, 'the stream was stopped as failed', peer)
    else stream.ended = 'drained'
    this.reading.serve(stream)
    this.onProgress()
  }

  /** Chunks of its writer were refused: what the writer has sent since must not come without them. */
  refused(stream: Stream, peer: Peer): void {
    if (stream.ended || !this.table.has(stream)) return
    this.#fail(stream, 'there was no memory for its chunks', peer)
    this.reading.serve(stream)
    this.onProgress()
  }

  /** Removes a stream with all its chunks; whoever waits on it is told that it failed. */
  drop(peer: Peer, id: ObjectId): void {
    this.writing.filled(peer, id)
    if (this.table.forget(id)) return
    const stream = this.table.get(id)
    this.#remove(stream, new RequestError(Status.StreamFailed, `the stream ${id} was dropped`))
  }

  /** The connection reads no more from this stream. */
  leave(peer: Peer, id: ObjectId): void {
    const stream = this.table.find(id)
    if (stream && peer.reading.has(stream)) this.#readerGone(stream, peer)
  }

  /** What the end of a connection means for the streams it used. */
  disconnect(peer: Peer): void {
    for (const stream of [...peer.reading]) this.#readerGone(stream, peer)
    for (const stream of [...peer.writing]) this.#writerGone(stream, peer)
    peer.reading.clear()
    peer.writing.clear()
    this.onProgress()
  }

  /** Fails every stream that has not been stopped: the store is closing. */
  failUnfinished(reason: string): void {
    for (const stream of this.table.all()) {
      if (stream.ended) continue
      this.writing.publish(stream)
      this.#fail(stream, reason, undefined)
      this.reading.serve(stream)
    }
  }

  /**
   * Whether a reader that is there has not been told of the end of its stream yet, or has chunks of a finished one in line
   * that it has not said it is done with. Foreign readers have at most one, which they leave with the pull for the next.
   */
  get draining(): boolean {
    return this.table.all().some(({ ended, seats }) => {
      if (ended === undefined) return false
      return seats.some(seat => seat.counted || (ended === 'drained' && seat.busy))
    })
  }

  #readerGone(stream: Stream, peer: Peer): void {
    const error = new RequestError(Status.StreamFailed, 'the reader of the stream went away')
    this.reading.removeReader(stream, peer, error)
    if (!this.table.has(stream) || stream.seats.some(seat => !seat.gone)) return
    if (stream.seats.some(seat => seat.readers.size > 0)) {
      // One that was evicted is still to be told.
      if (!stream.ended) this.#fail(stream, 'its readers went away', undefined)
      return
    }
    const { endDelivered } = stream
    this.#remove(stream, error)
    if (!endDelivered) this.table.remember(stream.id, error)
  }

  #writerGone(stream: Stream, peer: Peer): void {
    stream.writers.delete(peer)
    if (!this.table.has(stream) || stream.writers.size > 0 || stream.ended) return
    this.#fail(stream, 'the writer of the stream went away before it had finished', peer)
    this.reading.serve(stream)
  }

  /** `by` has done it, and need not be told. */
  #fail(stream: Stream, reason: string, by: Peer | undefined): void {
    stream.ended = 'failed'
    stream.reason = `stream ${stream.id}: ${reason}`
    this.writing.discard(stream)
    this.writing.tell(stream, new RequestError(Status.StreamFailed, stream.reason), by)
  }

  #remove(stream: Stream, error: RequestError): void {
    this.table.delete(stream)
    const wasEnded = stream.ended === 'drained' && stream.endDelivered
    stream.ended ??= 'failed'
    if (stream.reason === '') stream.reason = error.message
    if (!wasEnded) this.writing.tell(stream, error, undefined)
    this.writing.discard(stream)
    for (const writer of stream.writers) writer.writing.delete(stream)
    this.reading.clear(stream, error)
    this.onProgress()
  }
}

function canSit(stream: Stream, peer: Peer): boolean {
  return stream.freeSeat !== undefined && stream.seatOf(peer) === undefined
}
