import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import { InlineObject } from '../client/inline-object.js'
import { pullChunk, pullChunks, type PulledChunks } from '../client/requests.js'
import type { LeaseBudget } from '../memory/budget.js'
import type { ObjectId } from '../protocol/ids.js'
import { Template } from '../protocol/template.js'

/** A chunk that was pulled: the id of an object to ask for, or the object itself. */
export type PulledChunk = ObjectId | InlineObject

export function chunkId(chunk: PulledChunk): ObjectId {
  return typeof chunk === 'string' ? chunk : chunk.id
}

/** Where a reader's chunks come from. Taking one gives up the one before. */
export interface ChunkFeed {
  /** The next chunk. Rejects with status 42 at the end and 43 where the stream failed. */
  next(): Promise<PulledChunk>
  /** How many chunks it has had, where a ConsumerGuard needs to know. */
  readonly pulled?: number
  /** Gives back what was fetched and never asked for. */
  close(): void
}

/** One chunk a request, by the standard protocol. */
export class SingleFeed implements ChunkFeed {
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #budget: LeaseBudget
  readonly #counters: Counters
  pulled = 0

  constructor(connection: Connection, stream: ObjectId, budget: LeaseBudget, counters: Counters) {
    this.#connection = connection
    this.#stream = stream
    this.#budget = budget
    this.#counters = counters
  }

  async next(): Promise<PulledChunk> {
    const { id, memory } = await this.#counters.wait('chunk', () => pullChunk(this.#connection, this.#stream))
    this.pulled += 1
    if (memory !== undefined) this.#budget.observe(memory)
    return id
  }

  close(): void {}
}

/** Small chunks come in batches of this many, and with this many bytes at most. */
const batchChunks = 64
const batchBytes = 2 ** 20
/** The next batch is asked for when this many are left, so that it is there when they are used up. */
const lowWater = 16

/** Many chunks in one reply of the extension, asked for ahead of need. */
export class BatchedFeed implements ChunkFeed {
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #budget: LeaseBudget
  readonly #counters: Counters
  readonly #templates: Template[] = []
  /** What has come and was not asked for, from index `#head` on. */
  #queue: PulledChunk[] = []
  #head = 0
  /** Ids among what has come: they must be asked for, which a waiting pull would block. */
  #objects = 0
  /** The chunk that was handed out last has not been given up. */
  #holding = false
  /** Chunks that were given up since the store was last told. */
  #consumed = 0
  #tellScheduled = false
  #pull: Promise<void> | undefined

  constructor(connection: Connection, stream: ObjectId, budget: LeaseBudget, counters: Counters) {
    this.#connection = connection
    this.#stream = stream
    this.#budget = budget
    this.#counters = counters
  }

  async next(): Promise<PulledChunk> {
    if (this.#holding) {
      this.#holding = false
      this.#consumed += 1
      this.#tellSoon()
    }
    for (;;) {
      const left = this.#queue.length - this.#head
      if (this.#objects === 0 && left <= lowWater) this.#fetch()
      if (left > 0) return this.#handOut()
      const pull = this.#pull
      if (pull !== undefined) await this.#counters.wait('chunk', () => pull)
    }
  }

  close(): void {
    const ids: ObjectId[] = []
    for (const chunk of this.#queue.slice(this.#head))
      if (chunk instanceof InlineObject) ids.push(chunk.blob.id)
    this.#queue = []
    this.#head = 0
    if (ids.length > 0) this.#connection.notify({ type: 'release_leases', ids })
  }

  #handOut(): PulledChunk {
    const chunk = this.#queue[this.#head] as PulledChunk
    this.#head += 1
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    }
    if (typeof chunk === 'string') this.#objects -= 1
    this.#holding = true
    return chunk
  }

  /** At most one pull at a time. Its failure is for whoever has used up what came before. */
  #fetch(): void {
    if (this.#pull !== undefined) return
    const pull = this.#fetchBatch()
    this.#pull = pull
    pull.then(
      () => (this.#pull = undefined),
      () => {}
    )
  }

  async #fetchBatch(): Promise<void> {
    const consumed = this.#consumed
    this.#consumed = 0
    const templates = this.#templates.length
    const limits = { max: batchChunks, maxBytes: batchBytes, templates, consumed }
    const reply = await pullChunks(this.#connection, this.#stream, limits)
    this.#budget.observe(reply.memory)
    for (const text of reply.templates) this.#templates.push(new Template(text))
    for (const chunk of reply.chunks) this.#queue.push(this.#receive(chunk, reply.storeFd))
  }

  #receive(chunk: PulledChunks['chunks'][number], storeFd: number): PulledChunk {
    if (typeof chunk === 'string') {
      this.#objects += 1
      return chunk
    }
    const [id, template, vars, spans, blobId, offset, size] = chunk
    const blob = { id: blobId, storeFd, offset, size }
    return new InlineObject(id, blob, this.#templates[template], vars, spans)
  }

  /** One message for all that a turn of the event loop gives up. */
  #tellSoon(): void {
    if (this.#tellScheduled) return
    this.#tellScheduled = true
    setImmediate(() => {
      this.#tellScheduled = false
      if (this.#consumed === 0 || this.#connection.closed) return
      this.#connection.notify({ type: 'consume_chunks', id: this.#stream, count: this.#consumed })
      this.#consumed = 0
    })
  }
}
