import { dropBlobs } from '../client/blob-allocation.js'
import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import { beginObject, draftBytes, type BegunObject } from '../client/object-builder.js'
import { sealBuffer } from '../client/requests/blobs.js'
import { pushChunk } from '../client/requests/chunks.js'
import { deleteData } from '../client/requests/metadata.js'
import { Status, VineyardError } from '../errors.js'
import type { Draft } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Payload } from '../protocol/payload.js'
import type { ChunkSender, Sent } from './chunk-sender.js'
import type { ProducerGuard } from './producer-guard.js'

/** A chunk that the server has, and what it counts with there. */
interface Accepted {
  id: ObjectId
  bytes: number
}

/** Chunks that have been filled and not accepted. More would only wait for the server. */
const maxUnderWay = 16
/** So many are left when the next may be filled: to wake the server for one chunk costs more than the chunk. */
const lowWater = 8

/**
 * Every chunk by the standard protocol: blobs, metadata from the leaves up, push. Works with every server. On a vineyardd in
 * shared memory the next chunk is filled while the server is busy with those before.
 */
export class StepwiseSender implements ChunkSender {
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #counters: Counters
  readonly #guard: ProducerGuard | undefined
  readonly #overlaps: boolean
  /** The chunks that are under way, oldest first: each settles when the server has accepted or refused it. */
  readonly #underWay = new Set<Promise<unknown>>()
  /** Resolves when the push of the chunk that was sent last has gone out, or never will. */
  #pushSent: Promise<void> = Promise.resolve()
  #failure: { error: unknown } | undefined

  /** Called when a chunk was refused that something else may have been sent after. */
  onFailed: (error: unknown) => void = () => {}

  constructor(connection: Connection, stream: ObjectId, counters: Counters, guard?: ProducerGuard) {
    this.#connection = connection
    this.#stream = stream
    this.#counters = counters
    this.#guard = guard
    this.#overlaps = !connection.extended && !connection.remote
  }

  bytesOf(draft: Draft): number {
    return draftBytes(draft)
  }

  send(draft: Draft, bytes: number, signal: AbortSignal): Promise<Sent> {
    const sending = this.#send(draft, bytes, signal)
    return this.#connection.remote ? sending.catch(rethrowLoss) : sending
  }

  async #send(draft: Draft, bytes: number, signal: AbortSignal): Promise<Sent> {
    await this.#turn()
    let blobs: readonly ObjectId[] = []
    const allocated = (ids: readonly ObjectId[]): void => this.#guard?.allocated((blobs = ids))
    const counters = this.#counters
    const options = { wait: true, scoped: true, scopedRoot: true, allocated, signal, counters }
    let begun: BegunObject
    try {
      begun = await beginObject(this.#connection, draft, options)
      if (signal.aborted) await begun.abandon()
      signal.throwIfAborted()
    } catch (error) {
      this.#guard?.settled(blobs)
      throw error
    }
    return this.#follow(this.#finish(begun, bytes), bytes, begun.parts)
  }

  async sendObject(id: ObjectId, bytes: number, signal: AbortSignal): Promise<Sent> {
    await this.drain()
    signal.throwIfAborted()
    // It is somebody else's: that it is refused says nothing of what comes after it.
    const counted = await pushChunk(this.#connection, this.#stream, id, bytes)
    this.#guard?.begun()
    return { bytes: counted, id, accepted: Promise.resolve(id) }
  }

  async sendBlob(blob: Payload): Promise<Sent> {
    try {
      await this.#turn()
    } catch (error) {
      await dropBlobs(this.#connection, [blob])
      this.#guard?.settled([blob.id])
      throw error
    }
    const sealed = sealBuffer(this.#connection, blob.id)
    const parts = [blob.id]
    return this.#follow(this.#pushMade(blob.id, sealed, blob.size, parts), blob.size, parts)
  }

  async drain(): Promise<void> {
    await this.idle()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  close(): void {
    // It holds nothing in advance.
  }

  /** Waits until one more chunk may be under way. */
  async #turn(): Promise<void> {
    if (this.#underWay.size >= maxUnderWay)
      while (this.#underWay.size > lowWater) await Promise.race(this.#underWay)
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #finish(begun: BegunObject, bytes: number): Promise<Accepted> {
    const made = begun.finish()
    return this.#pushMade(begun.id ?? made, made, bytes, begun.parts)
  }

  /**
   * Pushes what this writer made, and deletes it if that fails: nobody would ever pull it. A blob can be pushed before the
   * server has said that it is sealed: it does one after the other.
   */
  async #pushMade(
    made: ObjectId | Promise<ObjectId>,
    sealed: Promise<unknown>,
    bytes: number,
    parts: readonly ObjectId[]
  ): Promise<Accepted> {
    const before = this.#pushSent
    let pushSent = (): void => {}
    this.#pushSent = new Promise(resolve => (pushSent = resolve))
    sealed.catch(() => {})
    let id: ObjectId | undefined
    let sent = false
    try {
      id = await made
      this.#guard?.pushing(parts)
      await before
      if (this.#failure !== undefined) throw this.#failure.error
      sent = !this.#connection.closed
      const pushed = pushChunk(this.#connection, this.#stream, id, bytes)
      pushSent()
      const [counted] = await Promise.all([pushed, sealed])
      return { id, bytes: counted }
    } catch (error) {
      // Nothing may be pushed after what is missing.
      if (this.#overlaps) this.#failure ??= { error }
      pushSent()
      // What was pushed when the connection ended may be a reader's: nobody knows.
      if (id !== undefined && !(sent && this.#connection.closed)) {
        const over = this.#connection.successor ?? this.#connection
        await deleteData(over, [id], { force: false, deep: true }).catch(() => {})
      }
      throw error
    }
  }

  /** What the writer is told of a chunk that has been filled: at once, or where nothing overlaps when it has been accepted. */
  async #follow(work: Promise<Accepted>, bytes: number, parts: readonly ObjectId[]): Promise<Sent> {
    const settled = work.then(
      accepted => {
        this.#guard?.pushed(parts)
        return accepted
      },
      (error: unknown) => {
        this.#guard?.settled(parts)
        throw error
      }
    )
    if (!this.#overlaps) {
      const { id, bytes: counted } = await settled
      this.#guard?.begun()
      return { bytes: counted, id, parts, accepted: Promise.resolve(id) }
    }
    this.#guard?.begun()
    const accepted = settled.then(({ id }) => id)
    const ended = accepted.then(
      () => {},
      (error: unknown) => this.onFailed(error)
    )
    this.#underWay.add(ended)
    void ended.then(() => this.#underWay.delete(ended))
    return { bytes, id: undefined, parts, accepted }
  }
}

/**
 * A reader that gives the stream up frees what is noted of a producer over TCP, which may have been cut off: one that has not
 * finds that what it was making is not there.
 */
function rethrowLoss(error: unknown): never {
  if (!(error instanceof VineyardError) || error.code !== 'ERR_VINEYARD_NOT_FOUND') throw error
  const message = 'a chunk was deleted while it was made: the reader of the stream has gone'
  throw new VineyardError('ERR_VINEYARD_STREAM_FAILED', message, {
    status: Status.StreamFailed,
    cause: error
  })
}
