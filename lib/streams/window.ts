import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import type { MetaService } from '../client/meta-service.js'
import { openStream, writeMode } from '../client/requests/streams.js'
import { Status, type VineyardError } from '../errors.js'
import { checkOptions, isLimit, type Check } from '../options.js'
import { emptyBlobId, type ObjectId } from '../protocol/ids.js'
import { isFilling, wireLimits, type WindowLimits } from '../protocol/window.js'
import type { Sent } from './chunk-sender.js'

/** Refuses limits that nothing would ever fit into. */
export const isWindow: Check = window =>
  checkOptions(window, { chunks: isLimit, bytes: isLimit }, { of: 'window' })

/** The chunks a writer has pushed and its consumer has not left behind. */
export interface Window {
  /** Whether a chunk of `bytes` may be pushed now, as far as is known. */
  hasRoom(bytes: number): boolean
  /** Resolves when a chunk of `bytes` may be pushed; rejects when `signal` aborts. */
  waitForRoom(bytes: number, signal: AbortSignal): Promise<void>
  /** `sent` is there where somebody has to look after it. */
  pushed(bytes: number, sent?: Sent): void
  close(): void
}

/** Whether one more chunk fits. With nothing outstanding everything does, or a large chunk would wait for ever. */
function fits(limits: WindowLimits, chunks: number, held: number, bytes: number): boolean {
  return chunks === 0 || (chunks < limits.chunks && held + bytes <= limits.bytes)
}

/** On the embedded store: it says at once when a chunk has been consumed that the window may wait for. */
export class NotifiedWindow implements Window {
  readonly #limits: WindowLimits
  readonly #connection: Connection
  readonly #counters: Counters
  readonly #stream: ObjectId
  readonly #waits: boolean
  readonly #unsubscribe: () => void
  #pushedChunks = 0
  #pushedBytes = 0
  #consumedChunks = 0
  #consumedBytes = 0
  #wake: (() => void) | undefined

  /** `waits`: whether readers may hold the window as long as they like. */
  constructor(
    connection: Connection,
    stream: ObjectId,
    limits: WindowLimits,
    counters: Counters,
    waits: boolean
  ) {
    this.#connection = connection
    this.#stream = stream
    this.#counters = counters
    this.#limits = limits
    this.#waits = waits
    this.#unsubscribe = connection.onEvent(event => {
      if (event.event !== 'stream_consumed' || event.id !== stream) return
      this.#consumedChunks = event.chunks
      this.#consumedBytes = event.bytes
      this.#wake?.()
    })
  }

  hasRoom(bytes: number): boolean {
    const chunks = Math.max(0, this.#pushedChunks - this.#consumedChunks)
    const held = Math.max(0, this.#pushedBytes - this.#consumedBytes)
    return fits(this.#limits, chunks, held, bytes)
  }

  async waitForRoom(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.hasRoom(bytes)) return
    await this.#counters.wait('window', () => this.#wait(bytes, signal))
  }

  async #wait(bytes: number, signal: AbortSignal): Promise<void> {
    // The event that opens the window is no request: without this the process could end while it waits.
    const letGo = this.#connection.hold()
    try {
      for (let asked = false; !this.hasRoom(bytes);) {
        if (!asked && !this.#isToldAnyway) {
          this.#demand(bytes)
          asked = true
        }
        await this.#consumption(signal)
      }
    } finally {
      letGo()
    }
  }

  get #isToldAnyway(): boolean {
    const chunks = this.#pushedChunks - this.#consumedChunks
    return this.#waits && isFilling(wireLimits(this.#limits), chunks, this.#pushedBytes - this.#consumedBytes)
  }

  /** Says what must have been consumed for a chunk of `bytes` to fit: it is told then, and the policy of the stream can act. */
  #demand(bytes: number): void {
    const alone = bytes > this.#limits.bytes
    const chunks = alone ? this.#pushedChunks : Math.floor(this.#pushedChunks - this.#limits.chunks) + 1
    const consumed = alone ? this.#pushedBytes : Math.ceil(this.#pushedBytes + bytes - this.#limits.bytes)
    this.#connection.notify({
      type: 'demand_room',
      id: this.#stream,
      chunks: Math.max(0, chunks),
      bytes: Math.max(0, consumed)
    })
  }

  #consumption(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#wake = undefined
        signal.removeEventListener('abort', onAbort)
        settle()
      }
      const onAbort = (): void => end(() => reject(signal.reason as Error))
      this.#wake = () => end(resolve)
      signal.addEventListener('abort', onAbort)
      if (signal.aborted) onAbort()
    })
  }

  pushed(bytes: number): void {
    this.#pushedChunks += 1
    this.#pushedBytes += bytes
  }

  close(): void {
    this.#unsubscribe()
  }
}

/** On a vineyardd nothing tells that a chunk was consumed, but its id vanishes with the next pull. */
const firstPollMs = 1
const longestPollMs = 20
/** After which of these waits the next question is about fewer chunks. */
const patientPollMs = 4
/** Chunks that one question is about at most. */
const longestStride = 16
/** The share of what is outstanding that one question may be about: the consumer must not run dry meanwhile. */
const largestStrideShare = 1 / 4

/** A chunk that was pushed, and is not known to be consumed. */
interface Outstanding {
  /** Undefined until the server has accepted it. */
  id: ObjectId | undefined
  readonly bytes: number
  readonly parts: readonly ObjectId[]
}

export class PolledWindow implements Window {
  readonly #limits: WindowLimits
  readonly #connection: Connection
  readonly #service: MetaService
  readonly #stream: ObjectId
  readonly #counters: Counters
  readonly #outstanding: Outstanding[] = []
  #bytes = 0
  /** Told what a chunk was made of that was consumed, or refused. */
  onForgotten: (parts: readonly ObjectId[]) => void = () => {}
  /** How many chunks the next question is about: more while the consumer is fast, because each costs the server something. */
  #stride = 1

  constructor(
    connection: Connection,
    service: MetaService,
    stream: ObjectId,
    limits: WindowLimits,
    counters: Counters
  ) {
    this.#connection = connection
    this.#service = service
    this.#stream = stream
    this.#counters = counters
    this.#limits = limits
  }

  hasRoom(bytes: number): boolean {
    return fits(this.#limits, this.#outstanding.length, this.#bytes, bytes)
  }

  async waitForRoom(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.hasRoom(bytes)) return
    await this.#counters.wait('window', () => this.#wait(bytes, signal))
  }

  async #wait(bytes: number, signal: AbortSignal): Promise<void> {
    for (let poll = firstPollMs; ; poll = Math.min(poll * 2, longestPollMs)) {
      while (await this.#dropConsumed()) {
        poll = firstPollMs
        if (fits(this.#limits, this.#outstanding.length, this.#bytes, bytes)) return
      }
      if (poll >= patientPollMs) this.#stride = Math.ceil(this.#stride / 2)
      try {
        await delay(poll, undefined, { signal })
      } catch {
        throw signal.reason as Error
      }
    }
  }

  pushed(bytes: number, sent?: Sent): void {
    const chunk: Outstanding = { id: sent?.id, bytes, parts: sent?.parts ?? [] }
    this.#outstanding.push(chunk)
    this.#bytes += bytes
    if (sent === undefined || chunk.id !== undefined) return
    sent.accepted.then(
      id => (chunk.id = id),
      () => {
        // Refused, and taken back. What a connection took along was perhaps accepted.
        if (!this.#connection.closed) this.#forget(chunk, 1)
      }
    )
  }

  /** The last chunk that was pushed and can be asked about, unless it is known to be consumed. */
  get last(): ObjectId | undefined {
    return this.#askable.at(-1)?.id
  }

  /** A server knows nothing of the empty blob, whether it was consumed or not. */
  get #askable(): Outstanding[] {
    return this.#outstanding.filter(({ id }) => id !== emptyBlobId)
  }

  /** The chunks that may not have been consumed, each with what it is made of. */
  get remains(): ObjectId[] {
    const ids = this.#outstanding.flatMap(({ id, parts }) => (id === undefined ? parts : [id, ...parts]))
    return [...new Set(ids)].filter(id => id !== emptyBlobId)
  }

  close(): void {
    this.#outstanding.length = 0
  }

  /**
   * Forgets the oldest chunks that are gone, if any. They are consumed in order, so the last of them stands for all. Rejects
   * with status 12 when they went with their stream.
   */
  async #dropConsumed(): Promise<boolean> {
    const most = Math.ceil(this.#outstanding.length * largestStrideShare)
    const last = this.#askable.slice(0, Math.min(this.#stride, most)).at(-1)
    if (last === undefined) return this.#forgetAll()
    if (last.id === undefined || (await this.#service.has(this.#connection, last.id))) return false
    await this.#checkStream()
    this.#forget(last, Infinity)
    this.#stride = Math.min(2 * this.#stride, longestStride)
    return true
  }

  /**
   * A vineyardd drops the stream of a reader whose connection closes, and deletes what is queued without its parts: it is
   * gone, but was not consumed. Who asks after it was seen to be gone hears of that.
   */
  async #checkStream(): Promise<void> {
    try {
      await openStream(this.#connection, this.#stream, writeMode)
    } catch (error) {
      // This writer has it.
      if ((error as VineyardError).status !== Status.StreamOpened) throw error
    }
  }

  /** Nothing but empty blobs: there is no way to know. False if there is not even one. */
  #forgetAll(): boolean {
    const some = this.#outstanding.length > 0
    for (const { parts } of this.#outstanding.splice(0)) this.onForgotten(parts)
    this.#bytes = 0
    return some
  }

  /** A chunk, and at most so many altogether with those before it. */
  #forget(chunk: Outstanding, most: number): void {
    const index = this.#outstanding.indexOf(chunk)
    const first = Math.max(0, index + 1 - most)
    for (const { bytes, parts } of this.#outstanding.splice(first, index + 1 - first)) {
      this.#bytes -= bytes
      this.onForgotten(parts)
    }
  }
}
