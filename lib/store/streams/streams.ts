import { Status } from '../../errors.js'
import type { ObjectId } from '../../protocol/ids.js'
import type { Blobs } from '../blobs.js'
import type { MemoryQueue } from '../memory-queue.js'
import type { Metadata } from '../metadata.js'
import type { Peer } from '../peer.js'
import { RequestError } from '../request-error.js'
import { type DeleteChunk, StreamReading } from './reading.js'
import { type Stream, wrongState } from './stream.js'
import { StreamTable } from './stream-table.js'
import { StreamWriting } from './writing.js'

/** The bits of open_stream's mode. */
const forReading = 1n
const forWriting = 2n

/**
 * The streams: queues of chunks between one writer and one reader. A stream ends when its writer stops it, and it fails
 * when the last connection that writes to it closes before. It is dropped, with its chunks, when a connection that reads
 * from it closes before the end.
 */
export class Streams {
  readonly table = new StreamTable()
  readonly reading: StreamReading
  readonly writing: StreamWriting
  /** Called when a stream has come nearer to its end. */
  onProgress: () => void = () => {}

  constructor(blobs: Blobs, metadata: Metadata, memory: MemoryQueue, deleteChunk: DeleteChunk) {
    this.reading = new StreamReading(this.table, deleteChunk)
    this.writing = new StreamWriting(this.table, this.reading, blobs, metadata, memory)
    this.reading.onEnd = () => this.onProgress()
  }

  /** Throws 45 if one of the mode's bits is taken; each can be taken once. */
  open(peer: Peer, id: ObjectId, mode: bigint): void {
    const stream = this.table.get(id)
    const bits = Number(BigInt.asUintN(32, mode))
    if ((stream.opened & bits) !== 0)
      throw new RequestError(Status.StreamOpened, `the stream ${id} is already open`)
    stream.opened |= bits
    if ((mode & forReading) !== 0n) this.reading.addReader(stream, peer)
    if ((mode & forWriting) !== 0n) {
      this.writing.addWriter(stream, peer)
      stream.opener = peer
    }
  }

  /** Ends a stream, well or not. Throws 44 if it has ended, or if it is to end well while its writer waits. */
  stop(peer: Peer, id: ObjectId, failed: boolean): void {
    const stream = this.table.get(id)
    if (stream.ended) throw wrongState(stream, 'the stream has been stopped already')
    if (stream.allocation && !failed) throw wrongState(stream, 'its writer is waiting for memory')
    this.writing.publish(stream)
    if (failed) this.#fail(stream, 'the stream was stopped as failed', peer)
    else stream.ended = 'drained'
    this.reading.serve(stream)
    this.onProgress()
  }

  /** Removes a stream with all its chunks; whoever waits on it is told that it failed. */
  drop(id: ObjectId): void {
    if (this.table.forget(id)) return
    const stream = this.table.get(id)
    this.#remove(stream, new RequestError(Status.StreamFailed, `the stream ${id} was dropped`))
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

  /** Whether a reader that is there has not seen the end of its stream yet. */
  get draining(): boolean {
    return this.table
      .all()
      .some(stream => stream.readers.size > 0 && !stream.endDelivered && stream.ended !== undefined)
  }

  #readerGone(stream: Stream, peer: Peer): void {
    stream.readers.delete(peer)
    this.table.note(stream)
    if (!this.table.has(stream)) return
    const error = new RequestError(Status.StreamFailed, 'the reader of the stream went away')
    this.#remove(stream, error)
    if (!stream.endDelivered) this.table.remember(stream.id, error)
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
