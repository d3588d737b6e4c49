import { Status } from '../../errors.js'
import type { ObjectId } from '../../protocol/ids.js'
import type { Template } from '../../protocol/template.js'
import type { HeapShare } from '../heap-share.js'
import { RequestError } from '../request-error.js'
import { heapBytesOfStream, heapBytesOfTemplate, type Sharing, Stream, type StreamTotals } from './stream.js'

/** How many streams that were dropped under their writer are remembered, to tell it why. */
const maxDropped = 4096
/** A stream costs memory of this process for each reader that it was created for, whether they come or not. */
const maxSeats = 2 ** 18

/** The streams that exist, and what is remembered of those that do not any more. */
export class StreamTable {
  readonly #heap: HeapShare
  readonly #byId = new Map<ObjectId, Stream>()
  /** Why streams that no longer exist were dropped. */
  readonly #dropped = new Map<ObjectId, RequestError>()
  /** Streams with queued chunks that a reader is there for. */
  readonly #consumable = new Set<Stream>()
  #readers = 0
  #seats = 0
  /** What went through streams that are gone. */
  readonly past: StreamTotals = { chunksWritten: 0, bytesWritten: 0, chunksRead: 0, bytesRead: 0 }

  constructor(heap: HeapShare) {
    this.#heap = heap
  }

  get count(): number {
    return this.#byId.size
  }

  /** Whether some reader could take a chunk, and so free memory. */
  get consumable(): boolean {
    return this.#consumable.size > 0
  }

  /** How many readers there are: seats that some connection has taken and that have not been told of the end. */
  get readers(): number {
    return this.#readers
  }

  all(): Stream[] {
    return [...this.#byId.values()]
  }

  find(id: ObjectId): Stream | undefined {
    return this.#byId.get(id)
  }

  /** Throws 12, or why the stream was dropped. */
  get(id: ObjectId): Stream {
    const stream = this.#byId.get(id)
    if (stream) return stream
    throw this.#dropped.get(id) ?? new RequestError(Status.ObjectNotExists, `there is no stream ${id}`)
  }

  /** Throws 11 if there is one with this id already, 41 if there are too many. Any id will do. */
  create(id: ObjectId, sharing?: Sharing): void {
    if (this.#byId.has(id)) throw new RequestError(Status.ObjectExists, `the stream ${id} exists already`)
    const seats = sharing?.consumers ?? 1
    if (this.#seats + seats > maxSeats) {
      throw new RequestError(Status.NotEnoughMemory, `the streams have more than ${maxSeats} readers in all`)
    }
    this.#heap.admit(heapBytesOfStream(seats))
    this.#dropped.delete(id)
    const stream = new Stream(id, sharing)
    this.#byId.set(id, stream)
    this.#heap.count(stream.heapBytes)
    this.#seats += seats
  }

  /** One more description that chunks of a stream may share. Throws 41 where there is no room for it. */
  addTemplate(stream: Stream, template: Template): void {
    const bytes = heapBytesOfTemplate(template.text)
    this.#heap.admit(bytes)
    this.#heap.count(bytes)
    stream.templates.push(template)
  }

  has(stream: Stream): boolean {
    return this.#byId.get(stream.id) === stream
  }

  delete(stream: Stream): void {
    if (this.#byId.delete(stream.id)) {
      this.#seats -= stream.seats.length
      this.#heap.count(-stream.heapBytes)
    }
    const totals = stream.totals()
    for (const key of Object.keys(totals) as (keyof StreamTotals)[]) this.past[key] += totals[key]
  }

  /** Whoever writes to the stream later is told why it is gone. */
  remember(id: ObjectId, error: RequestError): void {
    this.#dropped.set(id, error)
    if (this.#dropped.size <= maxDropped) return
    for (const oldest of this.#dropped.keys()) {
      this.#dropped.delete(oldest)
      return
    }
  }

  /** Forgets it. False if nothing was remembered. */
  forget(id: ObjectId): boolean {
    return this.#dropped.delete(id)
  }

  /** Keeps the sums over all streams right after something has changed. */
  note(stream: Stream): void {
    let consumable = false
    for (const seat of stream.seats) {
      const read = seat.readers.size > 0 && !seat.gone
      consumable ||= read && seat.ready.length > 0
      const counted = read && !seat.endDelivered
      if (counted !== seat.counted) this.#readers += counted ? 1 : -1
      seat.counted = counted
    }
    if (consumable) this.#consumable.add(stream)
    else this.#consumable.delete(stream)
  }
}
