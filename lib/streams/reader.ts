import { abortable, abortableUntilTaken, throwIfAborted } from '../abort.js'
import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import { endsSoon, ImpatientRequests } from '../client/patience.js'
import { LeaseReturns } from '../client/lease-returns.js'
import { ObjectReader, type ReadMode } from '../client/object-reader.js'
import { leaveStream, openStream, readMode } from '../client/requests/streams.js'
import { Status, VineyardError } from '../errors.js'
import { release } from '../memory/lease.js'
import { LeaseAccount, type Origin } from '../memory/lease-account.js'
import { checkOptions, isSignal } from '../options.js'
import type { ObjectId } from '../protocol/ids.js'
import { textId } from '../protocol/payload.js'
import { startTimer } from '../timer.js'
import type { Chunk, ChunkSource } from './chunk-source.js'
import { BatchedFeed, chunkId, SingleFeed, type ChunkFeed, type PulledChunk } from './chunk-feed.js'
import { ConsumerGuard } from './consumer-guard.js'
import type { Asking } from './removal.js'
import { Serial } from './serial.js'
import type { Sharing } from './sharing.js'
import { discardStream } from './teardown.js'

/**
 * How a stream type turns a pulled chunk into values. Runs before the next pull, which deletes the object. It answers at
 * once for an inline object, for which nothing has to be asked.
 */
export type ChunkDecoder<Out> = (
  objects: ObjectReader,
  chunk: PulledChunk,
  mode: ReadMode
) => Promise<Chunk<Out>[]> | Chunk<Out>[]

/** Options of `stream.openReader`. */
export interface ReaderOptions {
  /** Copy every chunk into memory of this process, which may be changed. */
  copy?: boolean | undefined
  /** Milliseconds without a chunk after which `next` gives up with ERR_VINEYARD_TIMEOUT; for foreign producers. */
  idleTimeout?: number | undefined
  /** Ends the opening. Once the server has been asked for it, that gives the stream up, as `close()` of a reader does. */
  signal?: AbortSignal | undefined
}

/** Options of `reader.next`. */
export interface NextOptions {
  /** Ends the wait. The chunk that would have come is not lost: the next call gets it. */
  signal?: AbortSignal | undefined
}

/** What a reader needs to know of its stream. */
export interface ReaderTarget<Out> {
  id: ObjectId
  name: string | undefined
  decode: ChunkDecoder<Out>
  counters: Counters
  /** Where the user asked for the reader. */
  origin: Origin
  /** Whether others read it too, or will: its end is not the end of the stream. */
  sharing: Sharing | undefined
}

/**
 * The consuming end of a stream, one for each stream. Chunks stay intact until they are released or collected. Closing
 * it before the end fails the stream for its producer and frees what is queued.
 */
export class StreamReader<Out = unknown> implements AsyncIterableIterator<Out>, ChunkSource<Out> {
  readonly #core: ClientCore
  readonly #connection: Connection
  readonly #feed: ChunkFeed
  readonly #objects: ObjectReader
  readonly #guard: ConsumerGuard | undefined
  readonly #target: ReaderTarget<Out>
  readonly #mode: ReadMode
  readonly #idleTimeout: number | undefined
  readonly #calls = new Serial()
  /** Values of the last pulled object that have not been asked for. */
  #values: Chunk<Out>[] = []
  /** The pull that is under way, kept when the call that started it was aborted. */
  #pull: Promise<PulledChunk> | undefined
  /** What has been counted of `missed`. */
  #missed = 0
  #ended: 'drained' | VineyardError | undefined
  #closing: Promise<void> | undefined

  private constructor(
    core: ClientCore,
    connection: Connection,
    target: ReaderTarget<Out>,
    options: ReaderOptions,
    guard: ConsumerGuard | undefined
  ) {
    this.#core = core
    this.#connection = connection
    // The store counts leases by connection and takes them back while a pull waits; a vineyardd does neither.
    const returns = connection.extended ? new LeaseReturns(connection) : core.returns
    const account = new LeaseAccount(core.budget, target.counters, target.origin)
    this.#objects = new ObjectReader(connection, returns, core.metaService, core.budget, account, {
      own: true
    })
    const Feed = connection.extended ? BatchedFeed : SingleFeed
    this.#feed = new Feed(
      connection,
      target.id,
      core.budget,
      target.counters,
      returns,
      target.sharing?.resumable === true
    )
    this.#guard = guard
    this.#target = target
    this.#mode = options.copy === true ? 'copy' : 'auto'
    this.#idleTimeout = options.idleTimeout
    if (guard !== undefined) {
      guard.onUnwatched(error => connection.lose(error))
      connection.onClosed(() => {
        if (connection.lost) guard.lost(target.name)
      })
    }
    core.budget.addReader()
    core.addDependent(this)
  }

  /** @internal Takes the stream's read mark: ERR_VINEYARD_STREAM_OPENED if somebody has it. */
  static async open<Out>(
    core: ClientCore,
    target: ReaderTarget<Out>,
    options: ReaderOptions = {}
  ): Promise<StreamReader<Out>> {
    return core.openEnd(async connection => {
      await openStream(connection, target.id, readMode)
      const guard = connection.extended ? undefined : await ConsumerGuard.open(core, connection, target.id)
      return new StreamReader(core, connection, target, options, guard)
    }, options.signal)
  }

  /** Chunks that this reader was too slow for, of a stream with the policy 'drop', up to what it has fetched. */
  get missed(): number {
    return this.#feed.missed
  }

  /**
   * The next value, or `{ done: true }` at the end. Rejects with ERR_VINEYARD_STREAM_FAILED when the producer failed or
   * died, after everything it had appended was read.
   */
  async next(options?: NextOptions): Promise<IteratorResult<Out, undefined>> {
    if (options !== undefined) checkOptions(options, { signal: isSignal })
    const chunk = (options === undefined ? this.tryNextChunk() : undefined) ?? (await this.nextChunk(options))
    return chunk === undefined ? { done: true, value: undefined } : { done: false, value: chunk.value }
  }

  /** @internal The next value with its size, or undefined at the end. */
  nextChunk({ signal }: NextOptions = {}): Promise<Chunk<Out> | undefined> {
    if (signal === undefined) return this.#calls.run(() => this.#take())
    // A chunk that is being read when it aborts is there for the next call.
    return abortableUntilTaken(taken => this.#calls.run(() => this.#take(signal, taken), signal), signal)
  }

  /** Calls `taken` in the step in which the chunk is taken, so that no abort comes between. */
  async #take(signal?: AbortSignal, taken?: () => void): Promise<Chunk<Out> | undefined> {
    for (;;) {
      throwIfAborted(signal)
      const chunk = this.#values.shift()
      if (chunk !== undefined) {
        taken?.()
        return chunk
      }
      const pulled = await this.#nextPulled(signal)
      if (pulled === undefined) return undefined
      this.#pull = undefined
      const decoded = this.#decode(pulled)
      this.#values = Array.isArray(decoded) ? decoded : await decoded
      this.#count(this.#values)
    }
  }

  /**
   * @internal The next value if it is here already; undefined says nothing about what is to come. Throws for a chunk that
   * cannot be read.
   */
  tryNextChunk(): Chunk<Out> | undefined {
    if (this.#calls.busy || this.#closing !== undefined || this.#ended !== undefined) return undefined
    const left = this.#values.shift()
    if (left !== undefined) return left
    if (this.#pull !== undefined || this.#feed.tryNext === undefined) return undefined
    const pulled = this.#feed.tryNext()
    if (pulled === undefined) return undefined
    if (typeof pulled === 'string') {
      this.#pull = Promise.resolve(pulled)
      return undefined
    }
    const [first, ...others] = this.#target.decode(this.#objects, pulled, this.#mode) as Chunk<Out>[]
    this.#values = others
    if (first !== undefined) this.#count(others.length === 0 ? [first] : [first, ...others])
    return first
  }

  /**
   * The id of the next object instead of its value, or undefined at the end. The object is deleted by the call after:
   * read it, or copy it, before.
   */
  async nextId(options: NextOptions = {}): Promise<ObjectId | undefined> {
    checkOptions(options, { signal: isSignal })
    return this.#calls.run(async () => {
      const pulled = await this.#nextPulled(options.signal)
      this.#pull = undefined
      if (pulled === undefined) return undefined
      this.#giveBack(pulled)
      // Ids that only go back to the server were not looked at closely.
      return textId(chunkId(pulled))
    }, options.signal)
  }

  /** Ends an iteration early, as `break` in `for await` does. */
  async return(): Promise<IteratorResult<Out, undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  /** The reader itself: it can be iterated once. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** Frees the reader; before the end it gives the stream up. Ends a waiting `next`. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  /** Does what `close()` does, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #nextPulled(signal: AbortSignal | undefined): Promise<PulledChunk | undefined> {
    throwIfAborted(signal)
    if (this.#ended === 'drained') return undefined
    if (this.#ended !== undefined) throw this.#ended
    if (this.#closing !== undefined) throw closedError()
    this.#pull ??= this.#feed.next()
    const letGo = this.#connection.hold()
    try {
      const pull = abortable(this.#pull, signal)
      const pulled = await (this.#idleTimeout === undefined ? pull : within(this.#idleTimeout, pull))
      this.#countMissed()
      return pulled
    } catch (error) {
      this.#countMissed()
      const { status, code } = error as VineyardError
      if (code === 'ERR_VINEYARD_TIMEOUT' || (error as Error).name === 'AbortError') throw error
      if (this.#closing !== undefined) throw closedError()
      this.#ended = status === Status.StreamDrained ? 'drained' : asStreamFailure(error as VineyardError)
      if (this.#ended !== 'drained' && !this.#connection.lost)
        await this.#guard?.failed(this.#feed.pulled ?? 0)
      this.#release()
      if (this.#ended === 'drained') return undefined
      this.#target.counters.failed(this.#ended, 'reader')
      throw this.#ended
    } finally {
      letGo()
    }
  }

  #decode(pulled: PulledChunk): Promise<Chunk<Out>[]> | Chunk<Out>[] {
    const decoded = this.#target.decode(this.#objects, pulled, this.#mode)
    if (Array.isArray(decoded)) return decoded
    return decoded.catch((error: unknown) => {
      // Closing the reader deletes the chunk under its hands.
      throw this.#closing === undefined ? error : closedError()
    })
  }

  /** The lease that came with a chunk which nobody will look at. */
  #giveBack(pulled: PulledChunk): void {
    if (typeof pulled === 'string' || !pulled.leased || this.#connection.closed) return
    this.#connection.notify({ type: 'release_leases', ids: [pulled.place.id] })
  }

  #countMissed(): void {
    if (this.missed === this.#missed) return
    this.#target.counters.missed(this.missed - this.#missed)
    this.#missed = this.missed
  }

  #count(chunks: readonly Chunk<Out>[]): void {
    let bytes = 0
    let copied = false
    for (const chunk of chunks) {
      bytes += chunk.bytes
      copied ||= chunk.bytes > 0 && !chunk.leased
    }
    this.#target.counters.read(bytes, copied)
  }

  /** Lets go of what a reader holds besides its stream. Chunks that are still looked at keep the socket open. */
  #release(): void {
    this.#feed.close()
    this.#guard?.close()
    this.#connection.close()
    this.#core.budget.removeReader()
    this.#core.removeDependent(this)
  }

  async #close(): Promise<void> {
    if (this.#ended === undefined) {
      this.#pull?.catch(() => {})
      // Ends with the connection.
      this.#connection.hold()
      // A pull that the server does not end is ended by closing its connection.
      if (await this.#giveUp()) await endsSoon(this.#giveBackPulled())
      this.#release()
      await endsSoon(this.#calls.idle())
    }
    for (const { value } of this.#values.splice(0)) release(value)
  }

  /** Tells the server that no more will be read, which ends a pull that waits. False if it cannot be told. */
  async #giveUp(): Promise<boolean> {
    const { id, name, sharing } = this.#target
    if (sharing !== undefined) {
      this.#feed.close()
      return endsSoon(leaveStream(this.#connection, id))
    }
    const control = new ImpatientRequests(this.#core.connection)
    const puller = new ImpatientRequests(this.#connection)
    const asking: Asking = work => this.#core.removing(work)
    const lost = await discardStream(this.#core.connection, control, asking, puller, id, name, {
      idle: () => this.#calls.idle(),
      pulled: () => this.#feed.pulled ?? 0
    })
    return lost === undefined
  }

  /** The chunk of an aborted call that nobody came back for. */
  async #giveBackPulled(): Promise<void> {
    const pulled = await this.#pull
    if (pulled !== undefined) this.#giveBack(pulled)
  }
}

function closedError(): VineyardError {
  return new VineyardError('ERR_VINEYARD_CLOSED', 'the reader was closed')
}

/** What `wait` brings, or ERR_VINEYARD_TIMEOUT after `ms`. */
async function within<T>(ms: number, wait: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const idle = new Promise<never>((_resolve, reject) => {
    timer = startTimer(ms, () =>
      reject(new VineyardError('ERR_VINEYARD_TIMEOUT', `no chunk arrived within ${ms} ms`))
    )
  })
  try {
    return await Promise.race([wait, idle])
  } finally {
    clearTimeout(timer)
  }
}

/** Error replies to a pull, in terms of the stream. */
function asStreamFailure(error: VineyardError): VineyardError {
  if (error.status !== Status.ObjectNotExists) return error
  return new VineyardError('ERR_VINEYARD_STREAM_FAILED', 'the stream was dropped', {
    status: error.status,
    cause: error
  })
}
