import { Status, type StatusCode } from '../errors.js'
import { isBlobId, type ObjectId } from '../protocol/ids.js'
import type { Blob } from './blob.js'
import type { Blobs } from './blobs.js'
import type { MemoryQueue } from './memory-queue.js'
import type { Metadata } from './metadata.js'
import type { Peer } from './peer.js'
import { RequestError } from './request-error.js'
import { type Chunk, type Puller, Stream } from './stream.js'
import { Waiting } from './waiting.js'

/** The bits of open_stream's mode. */
const forReading = 1n
const forWriting = 2n
/** get_next_stream_chunk waits while the store is fuller than this. */
const threshold = 0.8
/** How many streams that were dropped under their writer are remembered, to tell it why. */
const maxDropped = 4096

/** Deletes a chunk with everything that belongs to it. `reader` is a foreign one that may still look at it. */
export type DeleteChunk = (id: ObjectId, reader?: Peer) => void

/**
 * The streams: queues of chunks between one writer and one reader. A stream ends when its writer stops it, and it fails
 * when the last connection that writes to it closes before. It is dropped, with its chunks, when a connection that reads
 * from it closes before the end.
 */
export class Streams {
  readonly #blobs: Blobs
  readonly #metadata: Metadata
  readonly #memory: MemoryQueue
  readonly #deleteChunk: DeleteChunk
  readonly #byId = new Map<ObjectId, Stream>()
  /** Why streams that no longer exist were dropped. */
  readonly #dropped = new Map<ObjectId, RequestError>()
  /** Streams with queued chunks that a reader is there for. */
  readonly #consumable = new Set<Stream>()
  #readers = 0
  /** Called for an object that was pushed by its id. */
  onPushed: (id: ObjectId) => void = () => {}
  /** Called when a stream has come nearer to its end. */
  onProgress: () => void = () => {}

  constructor(blobs: Blobs, metadata: Metadata, memory: MemoryQueue, deleteChunk: DeleteChunk) {
    this.#blobs = blobs
    this.#metadata = metadata
    this.#memory = memory
    this.#deleteChunk = deleteChunk
  }

  get count(): number {
    return this.#byId.size
  }

  /** Whether some reader could take a chunk, and so free memory. */
  get consumable(): boolean {
    return this.#consumable.size > 0
  }

  find(id: ObjectId): Stream | undefined {
    return this.#byId.get(id)
  }

  /** Throws 11 if there is one with this id already. Any id will do. */
  create(id: ObjectId): void {
    if (this.#byId.has(id)) throw new RequestError(Status.ObjectExists, `the stream ${id} exists already`)
    this.#dropped.delete(id)
    this.#byId.set(id, new Stream(id))
  }

  /** Throws 45 if one of the mode's bits is taken; each can be taken once. */
  open(peer: Peer, id: ObjectId, mode: bigint): void {
    const stream = this.#get(id)
    const bits = Number(BigInt.asUintN(32, mode))
    if ((stream.opened & bits) !== 0)
      throw new RequestError(Status.StreamOpened, `the stream ${id} is already open`)
    stream.opened |= bits
    if ((mode & forReading) !== 0n) this.#addReader(stream, peer)
    if ((mode & forWriting) !== 0n) {
      this.#addWriter(stream, peer)
      stream.opener = peer
    }
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

  /** The stream, for a connection that is about to write to it. Throws 44 or 43 where it must not. */
  writable(peer: Peer, id: ObjectId): Stream {
    const stream = this.#get(id)
    this.#checkWritable(stream, peer)
    this.#addWriter(stream, peer)
    return stream
  }

  /** Queues chunks, and hands them to the reader that waits. */
  queue(stream: Stream, chunks: readonly Chunk[]): void {
    for (const chunk of chunks) stream.ready.push(chunk)
    this.#serveReader(stream)
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
    const stream = this.#get(id)
    this.#checkWritable(stream, peer)
    this.#addWriter(stream, peer)
    this.#publish(stream)
    this.#serveReader(stream)
    if (size === 0) {
      // The empty blob is in order like any other chunk.
      stream.ready.push({ id: 'o8000000000000000' as ObjectId, bytes: 0 })
      this.#serveReader(stream)
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
      if (this.#blobs.usage + size >= this.#blobs.limit * threshold) return false
      const blob = this.#blobs.create(size, peer)
      if (!blob) return false
      stream.writing = blob
      waiting.settle(() => make(blob))
      return true
    }
    stream.allocation = waiting
    waiting.onEnd(() => (stream.allocation = undefined))
    this.#memory.add({ peer, waiting, stream, attempt })
    return waiting
  }

  /**
   * Gives up the chunk that was pulled before and answers with the next, at once or when there is one. `make` composes
   * the reply. Throws or fails with 42 at the end, 43 where the stream failed, 44 if another pull waits.
   */
  pull(peer: Peer, id: ObjectId, make: (chunk: ObjectId) => string): string | Waiting {
    const stream = this.#get(id)
    this.#checkReadable(stream)
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
    const stream = this.#get(id)
    this.#checkReadable(stream)
    return this.#take(stream, { peer, ...limits, make })
  }

  /** The reader has done with the oldest `count` chunks that it has. */
  leave(peer: Peer, id: ObjectId, count: number): void {
    const stream = this.#byId.get(id)
    if (stream?.readers.has(peer)) this.#leave(stream, count)
  }

  /** Ends a stream, well or not. Throws 44 if it has ended, or if it is to end well while its writer waits. */
  stop(peer: Peer, id: ObjectId, failed: boolean): void {
    const stream = this.#get(id)
    if (stream.ended) throw this.#wrongState(stream, 'the stream has been stopped already')
    if (stream.allocation && !failed) throw this.#wrongState(stream, 'its writer is waiting for memory')
    this.#publish(stream)
    if (failed) this.#fail(stream, 'the stream was stopped as failed', peer)
    else stream.ended = 'drained'
    this.#serveReader(stream)
    this.onProgress()
  }

  /** Removes a stream with all its chunks; whoever waits on it is told that it failed. */
  drop(id: ObjectId): void {
    if (this.#dropped.delete(id)) return
    const stream = this.#get(id)
    this.#remove(stream, new RequestError(Status.StreamFailed, `the stream ${id} was dropped`))
  }

  /** What the end of a connection means for the streams it used. */
  disconnect(peer: Peer): void {
    for (const stream of [...peer.reading]) {
      stream.readers.delete(peer)
      this.#note(stream)
      if (this.#byId.get(stream.id) !== stream) continue
      const error = new RequestError(Status.StreamFailed, 'the reader of the stream went away')
      this.#remove(stream, error)
      if (!stream.endDelivered) this.#remember(stream.id, error)
    }
    for (const stream of [...peer.writing]) {
      stream.writers.delete(peer)
      if (this.#byId.get(stream.id) !== stream || stream.writers.size > 0 || stream.ended) continue
      this.#fail(stream, 'the writer of the stream went away before it had finished', peer)
      this.#serveReader(stream)
    }
    peer.reading.clear()
    peer.writing.clear()
    this.onProgress()
  }

  /** Fails every stream that has not been stopped: the store is closing. */
  failUnfinished(reason: string): void {
    for (const stream of [...this.#byId.values()]) {
      if (stream.ended) continue
      this.#publish(stream)
      this.#fail(stream, reason, undefined)
      this.#serveReader(stream)
    }
  }

  /** Whether a reader that is there has not seen the end of its stream yet. */
  get draining(): boolean {
    for (const stream of this.#byId.values()) {
      if (stream.readers.size > 0 && !stream.endDelivered && stream.ended) return true
    }
    return false
  }

  /** How many streams are being read: some connection is there for it, and has not been told of its end. */
  get readers(): number {
    return this.#readers
  }

  #get(id: ObjectId): Stream {
    const stream = this.#byId.get(id)
    if (stream) return stream
    throw this.#dropped.get(id) ?? new RequestError(Status.ObjectNotExists, `there is no stream ${id}`)
  }

  #wrongState(stream: Stream, why: string): RequestError {
    return new RequestError(Status.InvalidStreamState, `stream ${stream.id}: ${why}`)
  }

  #checkWritable(stream: Stream, peer: Peer): void {
    if (stream.allocation) throw this.#wrongState(stream, 'another writer is waiting for memory')
    if (stream.ended === 'failed' && peer.extension > 0) {
      throw new RequestError(Status.StreamFailed, stream.reason)
    }
    if (stream.ended) throw this.#wrongState(stream, 'the stream has been stopped')
  }

  #addWriter(stream: Stream, peer: Peer): void {
    stream.writers.add(peer)
    peer.writing.add(stream)
  }

  #addReader(stream: Stream, peer: Peer): void {
    if (stream.readers.has(peer)) return
    stream.readers.add(peer)
    peer.reading.add(stream)
    this.#note(stream)
  }

  #bytesOf(chunk: ObjectId): number {
    return isBlobId(chunk) ? (this.#blobs.find(chunk)?.size ?? 0) : (this.#metadata.find(chunk)?.bytes ?? 0)
  }

  #endOf(stream: Stream): RequestError {
    // A reader that is told of the end has done with everything before it.
    this.#leave(stream, Infinity)
    stream.endDelivered = true
    this.#note(stream)
    this.onProgress()
    return stream.ended === 'drained'
      ? new RequestError(Status.StreamDrained, 'there are no more chunks')
      : new RequestError(Status.StreamFailed, stream.reason)
  }

  #checkReadable(stream: Stream): void {
    if (stream.puller) throw this.#wrongState(stream, 'another reader is waiting')
  }

  #take(stream: Stream, pull: Omit<Puller, 'waiting'>): string | Waiting {
    this.#addReader(stream, pull.peer)
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
    this.#note(stream)
    return chunks
  }

  /** Hands the waiting pull what there is for it: chunks, or the end. */
  #serveReader(stream: Stream): void {
    this.#note(stream)
    const { puller } = stream
    if (!puller) return
    if (stream.ready.length > 0) {
      const chunks = this.#deliver(stream, puller)
      puller.waiting.settle(() => puller.make(chunks))
    } else if (stream.ended) {
      puller.waiting.fail(this.#endOf(stream))
    }
  }

  /** Seals and queues what get_next_stream_chunk made. */
  #publish(stream: Stream): void {
    const blob = stream.writing
    stream.writing = undefined
    if (!blob || blob.deleted) return
    this.#blobs.seal(blob)
    stream.ready.push({ id: blob.id, bytes: blob.size })
  }

  /** Deletes the oldest `count` chunks that readers hold, and tells the writer that they were consumed. */
  #leave(stream: Stream, count: number): void {
    const before = stream.consumedChunks
    for (let left = count; left > 0; left -= 1) {
      const chunk = stream.held.shift()
      if (!chunk) break
      const { reader } = chunk
      this.#deleteChunk(chunk.id, reader.extension === 0 && !reader.closed ? reader : undefined)
      stream.consumedChunks += 1
      stream.consumedBytes += chunk.bytes
    }
    const { opener } = stream
    if (stream.consumedChunks > before && opener && opener.extension > 0 && !opener.closed) {
      const { id, consumedChunks: chunks, consumedBytes: bytes } = stream
      opener.notify({ event: 'stream_consumed', id, chunks, bytes })
    }
  }

  /** `by` has done it, and need not be told. */
  #fail(stream: Stream, reason: string, by: Peer | undefined): void {
    stream.ended = 'failed'
    stream.reason = `stream ${stream.id}: ${reason}`
    if (stream.writing) this.#blobs.delete(stream.writing)
    stream.writing = undefined
    this.#tellWriters(stream, new RequestError(Status.StreamFailed, stream.reason), by)
  }

  #tellWriters(stream: Stream, error: RequestError, by: Peer | undefined): void {
    stream.allocation?.fail(error)
    this.#memory.failWritersOf(stream, error)
    const { opener } = stream
    if (opener && opener !== by && opener.extension > 0 && !opener.closed) {
      const code: StatusCode = error.status
      opener.notify({ event: 'stream_failed', id: stream.id, code, message: error.message })
    }
  }

  #remove(stream: Stream, error: RequestError): void {
    this.#byId.delete(stream.id)
    const wasEnded = stream.ended === 'drained' && stream.endDelivered
    stream.ended ??= 'failed'
    if (stream.reason === '') stream.reason = error.message
    stream.puller?.waiting.fail(error)
    if (!wasEnded) this.#tellWriters(stream, error, undefined)
    if (stream.writing) this.#blobs.delete(stream.writing)
    stream.writing = undefined
    for (let chunk = stream.held.shift(); chunk; chunk = stream.held.shift()) this.#deleteChunk(chunk.id)
    for (let chunk = stream.ready.shift(); chunk; chunk = stream.ready.shift()) this.#deleteChunk(chunk.id)
    for (const writer of stream.writers) writer.writing.delete(stream)
    for (const reader of stream.readers) reader.reading.delete(stream)
    stream.readers.clear()
    this.#note(stream)
    this.onProgress()
  }

  #remember(id: ObjectId, error: RequestError): void {
    this.#dropped.set(id, error)
    if (this.#dropped.size <= maxDropped) return
    for (const oldest of this.#dropped.keys()) {
      this.#dropped.delete(oldest)
      return
    }
  }

  /** Keeps the sums over all streams right after something has changed. */
  #note(stream: Stream): void {
    if (stream.ready.length > 0 && stream.readers.size > 0) this.#consumable.add(stream)
    else this.#consumable.delete(stream)
    const counted = stream.readers.size > 0 && !stream.endDelivered
    if (counted !== stream.counted) this.#readers += counted ? 1 : -1
    stream.counted = counted
  }
}
