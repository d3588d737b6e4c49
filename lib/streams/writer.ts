import type { RecordBatch, Schema, TypeMap } from 'apache-arrow'
import { abortable, abortableSoon, AbortError, throwIfAborted } from '../abort.js'
import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import { instanceStatus } from '../client/requests/status.js'
import { openStream, stopStream, writeMode } from '../client/requests/streams.js'
import { endsSoon } from '../client/patience.js'
import { VineyardError } from '../errors.js'
import { checkOptions, isInteger, isSignal } from '../options.js'
import type { ObjectId } from '../protocol/ids.js'
import type { WindowLimits } from '../protocol/window.js'
import { Appender } from './appender.js'
import { BatchedSender } from './batched-sender.js'
import type { ChunkEncoder } from './chunk-encoder.js'
import type { ChunkSender, Sent } from './chunk-sender.js'
import { emptyBatch } from './empty-batch.js'
import type { ChunkSink } from './chunk-source.js'
import { LentMemory } from './lent-memory.js'
import { ProducerGuard } from './producer-guard.js'
import { roomWithin } from './room-limit.js'
import { Serial } from './serial.js'
import { StepwiseSender } from './stepwise-sender.js'
import { NotifiedWindow, PolledWindow, type Window } from './window.js'
import { WriterState } from './writer-state.js'

/** How far a writer runs ahead by default: enough to hide the consumer's latency, and a quarter of the server. */
const defaultWindowChunks = 256
const defaultWindowShare = 1 / 4

const isSize = isInteger(1)

/** Options of `stream.openWriter`. */
export interface WriterOptions {
  /** Chunks and bytes that may be pushed and not consumed: 256 chunks and a quarter of the server's memory by default. */
  window?: { [Limit in keyof WindowLimits]?: WindowLimits[Limit] | undefined } | undefined
  /**
   * Milliseconds that a chunk may wait for room, in the window or in memory, before `append` gives up with
   * ERR_VINEYARD_TIMEOUT, and a write stream with it; for foreign consumers.
   */
  idleTimeout?: number | undefined
  /** Ends the opening. Once the server has been asked for it, the stream fails, as with `close()` of a writer. */
  signal?: AbortSignal | undefined
}

/** What a writer needs to know of its stream. */
export interface WriterTarget<In> {
  id: ObjectId
  encoder: ChunkEncoder<In>
  counters: Counters
  /** Whether slow readers hold it; otherwise the store is told when its window is full, and makes room. */
  waits: boolean
}

/**
 * The producing end of a stream, one for each stream. Appends happen in the order they were called; each waits while the
 * window is full or the server has no memory.
 */
export class StreamWriter<In = unknown> implements ChunkSink<In> {
  readonly #core: ClientCore
  readonly #counters: Counters
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #window: Window
  readonly #sender: ChunkSender
  readonly #guard: ProducerGuard | undefined
  readonly #idleTimeout: number | undefined
  readonly #state = new WriterState()
  readonly #appends = new Serial()
  readonly #appender: Appender<In>
  /** What `allocate` has handed out. */
  readonly #lent: LentMemory
  readonly #unsubscribe: (() => void)[] = []
  #onFailed: ((error: VineyardError) => void) | undefined
  #finishing: Promise<void> | undefined
  #closing: Promise<void> | undefined

  private constructor(
    core: ClientCore,
    connection: Connection,
    target: WriterTarget<In>,
    window: Window,
    memoryLimit: number,
    guard: ProducerGuard | undefined,
    idleTimeout: number | undefined
  ) {
    this.#core = core
    this.#connection = connection
    this.#stream = target.id
    this.#counters = target.counters
    this.#window = window
    this.#guard = guard
    this.#idleTimeout = idleTimeout
    this.#sender = connection.extended
      ? new BatchedSender(connection, target.id, memoryLimit, target.counters)
      : new StepwiseSender(connection, target.id, target.counters, guard)
    this.#lent = new LentMemory(connection, this.#sender, target.counters, guard)
    this.#appender = new Appender({
      connection,
      counters: target.counters,
      encoder: target.encoder,
      idleTimeout,
      lent: this.#lent,
      memoryLimit,
      sender: this.#sender,
      state: this.#state,
      window
    })
    this.#sender.onFailed = error => this.#fails(this.#state.asStreamFailure(error) as VineyardError)
    guard?.onFailed(
      error => this.#fails(error),
      () => this.#idle()
    )
    this.#unsubscribe.push(
      connection.onEvent(event => {
        if (event.event === 'stream_failed' && event.id === target.id) {
          this.#fails(VineyardError.fromStatus(event.code, event.message))
        }
      }),
      connection.onClosed(error => this.#fails(error))
    )
    core.addDependent(this)
  }

  /**
   * @internal Takes the stream's write mark: ERR_VINEYARD_STREAM_OPENED if somebody has it. ERR_VINEYARD_UNSUPPORTED over
   * TCP where the policy is to drop or to evict: only with the extension the store learns what the window needs.
   */
  static async open<In>(
    core: ClientCore,
    target: WriterTarget<In>,
    options: WriterOptions = {}
  ): Promise<StreamWriter<In>> {
    return core.openEnd(async (connection, ending) => {
      if (!connection.extended && !target.waits) {
        const message =
          'a stream that does not wait for its readers is written over the socket of its store, not over TCP'
        throw new VineyardError('ERR_VINEYARD_UNSUPPORTED', message)
      }
      const { memoryLimit } = await instanceStatus(connection)
      const limits = windowLimits(options.window, memoryLimit)
      throwIfAborted(ending)
      await openStream(connection, target.id, writeMode, limits)
      if (connection.extended) {
        const window = new NotifiedWindow(connection, target.id, limits, target.counters, target.waits)
        return new StreamWriter(core, connection, target, window, memoryLimit, undefined, options.idleTimeout)
      }
      const window = new PolledWindow(connection, core.metaService, target.id, limits, target.counters)
      const guard = await ProducerGuard.open(core, connection, target.id, window)
      return new StreamWriter(core, connection, target, window, memoryLimit, guard, options.idleTimeout)
    }, options.signal)
  }

  /**
   * Appends a value, an object that exists (by its id), or memory from `allocate`, and returns the id of the chunk once
   * the server has it. Waits for the window and for memory. Rejects with ERR_VINEYARD_TYPE for what cannot be stored,
   * ERR_VINEYARD_NO_MEMORY for what can never fit, ERR_VINEYARD_NOT_FOUND for an id of nothing,
   * ERR_VINEYARD_RELEASED for a value whose memory was taken by an earlier append,
   * ERR_VINEYARD_TIMEOUT for what finds no room within `idleTimeout`, ERR_VINEYARD_STREAM_FAILED when the reader is gone. After all but the last the writer goes on; a chunk that the server refuses for another reason once it was sent ends it, because
   * nothing may follow what is missing. An abort leaves the stream without this chunk and usable; what has been sent already
   * is appended all the same, unless the server does not say so within half a second: then it cannot be known.
   */
  async append(
    value: In | ObjectId | Uint8Array,
    options?: { signal?: AbortSignal | undefined }
  ): Promise<ObjectId> {
    if (options !== undefined) checkOptions(options, { signal: isSignal })
    const signal = options?.signal
    if (signal === undefined)
      return this.#accepted(this.#sendNow(value as In) ?? (await this.#sendInTurn(value)))
    return abortableSoon(
      this.#sendInTurn(value, signal).then(sent => this.#accepted(sent)),
      signal
    )
  }

  #sendInTurn(value: In | ObjectId | Uint8Array, signal?: AbortSignal): Promise<Sent> {
    return this.#inTurn(ending => this.#appender.send(value, ending), signal)
  }

  #sendNow(value: In): Sent | undefined {
    return this.#atRest ? this.#appender.trySendAwaited(value) : undefined
  }

  /** Whether what is appended now stands behind nothing. */
  get #atRest(): boolean {
    return this.#state.open && !this.#appends.busy
  }

  async #accepted({ accepted }: Sent): Promise<ObjectId> {
    try {
      return await accepted
    } catch (error) {
      throw this.#state.asStreamFailure(error)
    }
  }

  /** @internal Like `append`, but resolves as soon as the chunk is on its way; `finish` fails if it did not arrive. */
  async write(value: In): Promise<void> {
    const { accepted } = await this.#sendInTurn(value)
    accepted.catch((error: unknown) => this.#fails(this.#state.asStreamFailure(error) as VineyardError))
  }

  /** @internal Writes a value if that takes no waiting. */
  tryWrite(value: In): boolean {
    return this.#atRest && this.#appender.trySend(value)
  }

  /**
   * `size` bytes of shared memory to fill in place and give to `append`, which takes them (the array becomes empty). Of a
   * part (`subarray`) a copy is appended, and the memory is freed. What is never appended is freed when the writer is closed.
   */
  async allocate(size: number, options: { signal?: AbortSignal | undefined } = {}): Promise<Buffer> {
    checkOptions(options, { signal: isSignal })
    isSize(size, '"size" argument')
    this.#appender.refuseWhatCannotFit(size)
    const { signal } = options
    const allocated = this.#inTurn(ending => this.#allocate(size, ending), signal)
    return signal === undefined ? allocated : abortableSoon(allocated, signal)
  }

  /**
   * A batch of `rows` rows whose columns are shared memory, without nulls and with whatever was there before, to be filled in place (`column.values`) and given
   * to `append`, which takes it (its arrays become empty). For numbers, times and booleans: ERR_VINEYARD_TYPE otherwise.
   * It is copied once all the same, and its memory freed, on a server without the extension, in a DataframeStream, with
   * `as: 'dataframe'`, and as a part of a Table.
   */
  async allocateBatch<T extends TypeMap>(
    schema: Schema<T>,
    rows: number,
    options: { signal?: AbortSignal | undefined } = {}
  ): Promise<RecordBatch<T>> {
    return emptyBatch(schema, rows, size => this.allocate(size, options))
  }

  /** Ends the stream: readers get what was appended, then the end. Resolves when the server knows. Idempotent. */
  finish(): Promise<void> {
    return (this.#finishing ??= this.#finish())
  }

  async #finish(): Promise<void> {
    try {
      await this.#appends.run(() => this.#state.finish(() => this.#tellEnd()))
    } catch (error) {
      this.#closeAnyway()
      throw error
    }
    await this.close()
  }

  async #tellEnd(): Promise<void> {
    try {
      await this.#sender.drain()
      // Everything has been accepted, so another connection can say it, whatever the writer's own is busy with.
      const control = this.#core.connection
      const told = stopStream(control.closed ? this.#connection : control, this.#stream, false)
      await abortable(told, this.#state.stopped)
    } catch (error) {
      this.#lent.withdraw()
      throw error
    }
  }

  /** Ends the stream with a failure: readers get what was appended, then ERR_VINEYARD_STREAM_FAILED. */
  async fail(reason?: unknown): Promise<void> {
    this.#stop(
      new VineyardError('ERR_VINEYARD_STREAM_FAILED', 'the writer failed the stream', { cause: reason })
    )
    await this.close()
  }

  /** Frees the writer. Without `finish()` before it, the stream fails. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  /** Does what `close()` does, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal Told once when the stream fails from outside, even while nothing is being appended. */
  onFailed(listener: (error: VineyardError) => void): void {
    if (this.#state.failed) listener(this.#state.stopped.reason as VineyardError)
    else this.#onFailed = listener
  }

  /** Runs `work` after what was called before. Its waits end with `signal`, or with the writer. */
  #inTurn<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const { stopped } = this.#state
    return this.#appends.run(async () => {
      if (signal === undefined) return work(stopped)
      try {
        return await work(AbortSignal.any([signal, stopped]))
      } catch (error) {
        if (signal.aborted && !stopped.aborted) throw new AbortError(signal.reason)
        throw error
      }
    }, signal)
  }

  async #allocate(size: number, signal: AbortSignal): Promise<Buffer> {
    this.#state.checkOpen()
    throwIfAborted(signal)
    try {
      return await roomWithin(this.#idleTimeout, signal, ending => this.#lent.lend(size, ending))
    } catch (error) {
      throw this.#state.asStreamFailure(error)
    }
  }

  #lost(error: VineyardError): void {
    if (!this.#state.open) return
    this.#stop(error)
    this.#onFailed?.(error)
  }

  /** Not by whoever has the writer, who may never close it. */
  #fails(error: VineyardError): void {
    if (!this.#state.open) return
    this.#lost(error)
    this.#closeAnyway()
  }

  /** A writer that has failed would keep its connection and memory, and nobody would tell the reader. */
  #closeAnyway(): void {
    // Whoever closes it too hears what went wrong with that.
    this.close().catch(() => {})
  }

  #stop(reason: VineyardError): void {
    if (!this.#state.stop(reason)) return
    this.#lent.withdraw()
    this.#counters.failed(reason, 'writer')
  }

  async #close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    const failed = !this.#state.finished
    const closed = new VineyardError('ERR_VINEYARD_CLOSED', 'the writer was closed before finish()')
    // A write stream over this writer must hear of it even when it has nothing to write.
    this.#lost(closed)
    if (!failed) this.#guard?.finished()
    // Readers get what had been written before the failure.
    if (failed) await endsSoon(Promise.resolve(this.#sender.idle?.()))
    // Where the server says nothing, closing the connection tells it the same.
    const told = !failed || (await endsSoon(this.#failStream()))
    if (told) await endsSoon(this.#freeAllocated())
    // A finish() that the server does not answer.
    this.#stop(closed)
    this.#sender.close()
    // A server that has much to do is cleaned up after all the same, over the client's connection: the window knows of what.
    const cleaned = Promise.resolve(told ? this.#guard?.cleanUp() : undefined).finally(() =>
      this.#window.close()
    )
    await endsSoon(cleaned)
    this.#connection.close()
    await this.#appends.idle()
    this.#core.removeDependent(this)
  }

  async #failStream(): Promise<void> {
    if (this.#guard !== undefined) await this.#guard.fail()
    // From the client's connection: this one may be waiting for memory, which this ends on the store.
    else await stopStream(this.#core.connection, this.#stream, true)
  }

  /** Resolves when nothing is being appended, and nothing that was is under way. */
  async #idle(): Promise<void> {
    await this.#appends.idle()
    await this.#sender.idle?.()
  }

  async #freeAllocated(): Promise<void> {
    await this.#idle()
    await this.#lent.freeAll()
  }
}

function windowLimits(window: WriterOptions['window'], memoryLimit: number): WindowLimits {
  const { chunks = defaultWindowChunks, bytes = memoryLimit * defaultWindowShare } = window ?? {}
  return { chunks, bytes }
}
