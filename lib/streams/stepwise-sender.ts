import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import { buildObject, draftBytes } from '../client/object-builder.js'
import { sealBuffer } from '../client/requests/blobs.js'
import { pushChunk } from '../client/requests/chunks.js'
import { deleteData } from '../client/requests/metadata.js'
import type { Draft } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Payload } from '../protocol/payload.js'
import type { ChunkSender, Sent } from './chunk-sender.js'
import type { ProducerGuard } from './producer-guard.js'

/** Every chunk by the standard protocol: blobs, metadata from the leaves up, push. Works with every server. */
export class StepwiseSender implements ChunkSender {
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #counters: Counters
  readonly #guard: ProducerGuard | undefined

  /** Somebody waits for every chunk here. */
  onFailed: (error: unknown) => void = () => {}

  constructor(connection: Connection, stream: ObjectId, counters: Counters, guard?: ProducerGuard) {
    this.#connection = connection
    this.#stream = stream
    this.#counters = counters
    this.#guard = guard
  }

  bytesOf(draft: Draft): number {
    return draftBytes(draft)
  }

  async send(draft: Draft, bytes: number, signal: AbortSignal): Promise<Sent> {
    let blobs: readonly ObjectId[] = []
    const allocated = (ids: readonly ObjectId[]): void => this.#guard?.allocated((blobs = ids))
    const counters = this.#counters
    const options = { wait: true, scoped: true, scopedRoot: true, allocated, signal, counters }
    try {
      const { id, parts } = await buildObject(this.#connection, draft, options)
      const sent = await this.#pushOwn(id, bytes, signal)
      return { ...sent, parts }
    } finally {
      this.#guard?.settled(blobs)
    }
  }

  async sendObject(id: ObjectId, bytes: number): Promise<Sent> {
    return this.#push(id, bytes)
  }

  async sendBlob(blob: Payload): Promise<Sent> {
    try {
      await sealBuffer(this.#connection, blob.id)
      return await this.#pushOwn(blob.id, blob.size)
    } finally {
      this.#guard?.settled([blob.id])
    }
  }

  async drain(): Promise<void> {
    // Nothing is ever under way when the promises of the calls above have settled.
  }

  close(): void {}

  /** Pushes what this writer made, and deletes it if that fails: nobody would ever pull it. */
  async #pushOwn(id: ObjectId, bytes: number, signal?: AbortSignal): Promise<Sent> {
    try {
      signal?.throwIfAborted()
      return await this.#push(id, bytes)
    } catch (error) {
      await deleteData(this.#connection, [id], { force: false, deep: true }).catch(() => {})
      throw error
    }
  }

  async #push(id: ObjectId, bytes: number): Promise<Sent> {
    const counted = await pushChunk(this.#connection, this.#stream, id, bytes)
    this.#guard?.pushed()
    return { bytes: counted, id, accepted: Promise.resolve(id) }
  }
}
