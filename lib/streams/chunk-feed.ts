import type { Connection } from '../client/connection.js'
import { ChunkForm } from '../client/chunk-form.js'
import type { Counters } from '../client/counters.js'
import { InlineObject } from '../client/inline-object.js'
import type { LeaseReturns } from '../client/lease-returns.js'
import { pulledForm, type PulledForm } from '../client/pulled-form.js'
import {
  consumeChunks,
  pullChunk,
  pullChunks,
  type PulledChunk as PulledReply
} from '../client/requests/chunks.js'
import { VineyardError } from '../errors.js'
import type { LeaseBudget } from '../memory/budget.js'
import type { ObjectId } from '../protocol/ids.js'

/** A chunk that was pulled: the id of an object to ask for, or the object itself. */
export type PulledChunk = ObjectId | InlineObject

export function chunkId(chunk: PulledChunk): ObjectId {
  return typeof chunk === 'string' ? chunk : chunk.id
}

/** Where a reader's chunks come from. Taking one gives up the one before. */
export interface ChunkFeed {
  /** Chunks that this reader was too slow for, as far as the store has said. */
  readonly missed: number
  /** The next chunk. Rejects with status 42 at the end and 43 where the stream failed. */
  next(): Promise<PulledChunk>
  /** The next chunk if it is here already. Gives up the one before all the same. */
  tryNext?(): PulledChunk | undefined
  /** How many chunks it has had, where a ConsumerGuard needs to know. */
  readonly pulled?: number
  /** Gives back what was fetched and never asked for. */
  close(): void
}

/** One chunk a request, by the standard protocol. */
export class SingleFeed implements ChunkFeed {
  missed = 0
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
    const pull = (): Promise<PulledReply> => pullChunk(this.#connection, this.#stream)
    const { id, memory, missed } = await this.#counters.wait('chunk', pull)
    this.pulled += 1
    this.missed = missed
    if (memory !== undefined) this.#budget.observe(memory)
    return id
  }

  close(): void {}
}

/** Small chunks come in batches of this many, and with this many bytes at most. */
const batchChunks = 128
const batchBytes = 32 * 2 ** 20
/** The next batch is asked for when this many are left, so that it is there when they are used up. */
const lowWater = 32

/** Many chunks in one reply of the extension, asked for ahead of need. */
export class BatchedFeed implements ChunkFeed {
  missed = 0
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #budget: LeaseBudget
  readonly #counters: Counters
  readonly #returns: LeaseReturns
  readonly #forms: ChunkForm[] = []
  /** What has come and was not asked for, from index `#head` on. */
  #queue: PulledChunk[] = []
  #head = 0
  /** Ids among what has come: they must be asked for, which a waiting pull would block. */
  #objects = 0
  /** One of those has been handed out and is being asked for, in several steps. */
  #asking = false
  /** The chunk that was handed out last has not been given up. */
  #holding = false
  /** Chunks that were given up since the store was last told. */
  #consumed = 0
  /** Whether something is to be said at the end of this turn of the event loop, and whether more is to be asked for. */
  #turnEnds = false
  #wantsMore = false
  #closed = false
  /** Set while there are chunks to be looked at: ends what keeps their memory readable. */
  #letGo: (() => void) | undefined
  #pull: Promise<void> | undefined
  readonly #atOnce: boolean

  /** `atOnce`: tell of each chunk that is given up before the next is handed out, not once a turn of the event loop. */
  constructor(
    connection: Connection,
    stream: ObjectId,
    budget: LeaseBudget,
    counters: Counters,
    returns: LeaseReturns,
    atOnce: boolean
  ) {
    this.#connection = connection
    this.#stream = stream
    this.#budget = budget
    this.#counters = counters
    this.#returns = returns
    this.#atOnce = atOnce
    returns.onFlush = () => this.#tell()
  }

  async next(): Promise<PulledChunk> {
    for (;;) {
      const chunk = this.tryNext()
      if (chunk !== undefined) return chunk
      const pull = this.#pull
      if (pull !== undefined) await this.#counters.wait('chunk', () => pull)
    }
  }

  tryNext(): PulledChunk | undefined {
    this.#asking = false
    if (this.#holding) {
      this.#holding = false
      this.#consumed += 1
      if (this.#atOnce) this.#tell()
      else this.#atEndOfTurn()
    }
    // The memory may be used for something else by now. What ended the connection is what the next pull meets.
    if (this.#connection.descriptors.closed) this.#forget()
    const left = this.#queue.length - this.#head
    if (left === 0) {
      this.#letGo?.()
      this.#letGo = undefined
      this.#fetch()
      return undefined
    }
    // A reader that is done with the chunk in this very turn says so with what asks for more.
    if (left <= lowWater && this.#pull === undefined) {
      this.#wantsMore = true
      this.#atEndOfTurn()
    }
    return this.#handOut()
  }

  close(): void {
    this.#closed = true
    this.#tell()
    const ids: ObjectId[] = []
    for (const chunk of this.#queue.slice(this.#head))
      if (chunk instanceof InlineObject && chunk.leased) ids.push(chunk.place.id)
    this.#forget()
    this.#letGo?.()
    this.#letGo = undefined
    if (ids.length > 0) this.#connection.notify({ type: 'release_leases', ids })
  }

  #forget(): void {
    this.#queue = []
    this.#head = 0
    this.#objects = 0
  }

  #handOut(): PulledChunk {
    const chunk = this.#queue[this.#head] as PulledChunk
    this.#head += 1
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    }
    this.#asking = typeof chunk === 'string'
    if (this.#asking) this.#objects -= 1
    this.#holding = true
    return chunk
  }

  /**
   * At most one pull at a time, and none while there are objects to be asked for. Its failure is for whoever has used up
   * what came before.
   */
  #fetch(): void {
    this.#wantsMore = false
    if (this.#pull !== undefined || this.#objects > 0 || this.#asking || this.#closed) return
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
    const templates = this.#forms.length
    // What a connection that has failed would not say goes back by itself.
    const released = this.#connection.closed ? [] : this.#returns.takeWaiting()
    const limits = { max: batchChunks, maxBytes: batchBytes, templates, consumed, released }
    const reply = await pullChunks(this.#connection, this.#stream, limits)
    this.#budget.observe(reply.memory)
    this.missed = reply.missed
    for (const text of reply.templates) this.#forms.push(readForm(text))
    if (!this.#closed) this.#letGo ??= this.#connection.descriptors.keep()
    for (const chunk of reply.chunks) {
      this.#queue.push(this.#receive(pulledForm(chunk, this.#forms), reply.storeFd))
    }
  }

  #receive(chunk: PulledForm, storeFd: number): PulledChunk {
    if (typeof chunk === 'string') {
      this.#objects += 1
      return chunk
    }
    if (chunk.length === 7) {
      const [id, form, vars, spans, blob, offset, size] = chunk
      return new InlineObject(id, { id: blob, storeFd, offset, size }, true, this.#forms[form], {
        vars,
        spans
      })
    }
    const [id, form, offset, size, blob] = chunk
    return new InlineObject(
      id,
      { id: blob ?? id, storeFd, offset, size },
      blob !== undefined,
      this.#forms[form]
    )
  }

  /** One message for all that a turn of the event loop gives up, and for what it asks. */
  #atEndOfTurn(): void {
    if (this.#turnEnds) return
    this.#turnEnds = true
    setImmediate(() => {
      this.#turnEnds = false
      if (this.#wantsMore && !this.#connection.closed) this.#fetch()
      this.#tell()
    })
  }

  /** What was given back goes along. */
  #tell(): void {
    if (this.#consumed === 0 || this.#connection.closed) return
    const count = this.#consumed
    this.#consumed = 0
    const released = this.#returns.takeWaiting()
    consumeChunks(this.#connection, this.#stream, count, released)
  }
}

function readForm(text: unknown): ChunkForm {
  try {
    return new ChunkForm(text as string)
  } catch (cause) {
    throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'the server sent a template that cannot be read', {
      cause
    })
  }
}
