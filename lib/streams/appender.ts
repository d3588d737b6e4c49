import { throwIfAborted } from '../abort.js'
import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import { objectBytes } from '../client/object-bytes.js'
import type { PackedLayout, PlacedLayout } from '../client/packed-layout.js'
import { Status, VineyardError } from '../errors.js'
import { BlobDraft } from '../objects/model.js'
import { isObjectId, type ObjectId } from '../protocol/ids.js'
import type { ChunkEncoder } from './chunk-encoder.js'
import type { ChunkSender, Sent } from './chunk-sender.js'
import type { LentMemory } from './lent-memory.js'
import { roomWithin } from './room-limit.js'
import { buffersOf, checkAttached } from './value-memory.js'
import type { Window } from './window.js'
import type { WriterState } from './writer-state.js'

/** What an appender works with. */
export interface AppenderParts<In> {
  connection: Connection
  counters: Counters
  encoder: ChunkEncoder<In>
  /** Milliseconds that a chunk may wait for room; without limit if undefined. */
  idleTimeout: number | undefined
  lent: LentMemory
  /** Bytes of the server: more can never fit. */
  memoryLimit: number
  sender: ChunkSender
  state: WriterState
  window: Window
}

/** Makes chunks of what is given to a writer, one after the other, and sends each when the window has room for it. */
export class Appender<In> {
  readonly #connection: Connection
  readonly #counters: Counters
  readonly #encoder: ChunkEncoder<In>
  readonly #idleTimeout: number | undefined
  readonly #lent: LentMemory
  readonly #memoryLimit: number
  readonly #sender: ChunkSender
  readonly #state: WriterState
  readonly #window: Window

  constructor(parts: AppenderParts<In>) {
    this.#connection = parts.connection
    this.#counters = parts.counters
    this.#encoder = parts.encoder
    this.#idleTimeout = parts.idleTimeout
    this.#lent = parts.lent
    this.#memoryLimit = parts.memoryLimit
    this.#sender = parts.sender
    this.#state = parts.state
    this.#window = parts.window
  }

  /** Sends a value if that takes no waiting. Nobody is told when the server has it. */
  trySend(value: In): boolean {
    const layout = this.#layOutNow(value)
    const bytes = layout && this.#sender.trySend?.(layout)
    if (bytes === undefined) return false
    this.#pushed(bytes)
    return true
  }

  /** The same for whoever waits until the server has it. */
  trySendAwaited(value: In): Sent | undefined {
    // It may be, or have in it, memory that was lent.
    if (this.#lent.any) return undefined
    const layout = this.#layOutNow(value)
    const sent = layout && this.#sender.trySendAwaited?.(layout)
    if (sent !== undefined) this.#pushed(sent.bytes, sent)
    return sent
  }

  /** Sends a value, an object that exists, or memory that was lent. Waits for the window and for memory. */
  async send(value: In | ObjectId | Uint8Array, signal: AbortSignal): Promise<Sent> {
    this.#state.checkOpen()
    throwIfAborted(signal)
    if (isObjectId(value)) return this.#sendObject(value, signal)
    checkAttached(value)
    if (value instanceof Uint8Array && this.#lent.has(value.buffer)) {
      return this.#sendAllocated(value, signal)
    }
    if (!this.#lent.any) return this.#sendValue(value as In, signal)
    const placed = this.#encoder.placed?.(value as In, buffer => this.#lent.has(buffer))
    const sent = placed && (await this.#sendPlaced(placed, signal))
    return sent ?? this.#sendCopied(value as In, signal)
  }

  /** Throws ERR_VINEYARD_NO_MEMORY. */
  refuseWhatCannotFit(bytes: number): void {
    if (bytes <= this.#memoryLimit) return
    throw new VineyardError(
      'ERR_VINEYARD_NO_MEMORY',
      `a chunk of ${bytes} bytes can never fit into a server of ${this.#memoryLimit} bytes`,
      { status: Status.NotEnoughMemory }
    )
  }

  /** The layout of a value for which the window has room. */
  #layOutNow(value: In): PackedLayout | undefined {
    if (this.#sender.trySend === undefined || !this.#window.hasRoom(0)) return undefined
    const layout = this.#encoder.layOut?.(value)
    return layout !== undefined && this.#window.hasRoom(layout.bytes) ? layout : undefined
  }

  /** Its bytes are asked for: the window would take an object of any size for nothing. One that does not exist is refused. */
  async #sendObject(id: ObjectId, signal: AbortSignal): Promise<Sent> {
    let bytes: number
    try {
      bytes = await objectBytes(this.#connection, id, this.#encoder.blobsOnly)
    } catch (error) {
      // What does not exist is that object, and not the stream.
      throw this.#state.stopped.aborted ? this.#state.stopped.reason : error
    }
    return this.#sendWith(bytes, signal, ending => this.#sender.sendObject(id, bytes, ending))
  }

  async #sendValue(value: In, signal: AbortSignal): Promise<Sent> {
    const layout = this.#sender.sendPacked && this.#encoder.layOut?.(value)
    if (layout !== undefined) {
      this.refuseWhatCannotFit(layout.size)
      const sent = await this.#sendWith(layout.bytes, signal, ending =>
        this.#sender.sendPacked?.(layout, ending)
      )
      if (sent !== undefined) return sent
    }
    const drafts = this.#encoder.describe(value)
    const sizes = drafts.map(draft => this.#sender.bytesOf(draft))
    // All are looked at before the first is sent: a value is appended whole or not at all.
    for (const size of sizes) this.refuseWhatCannotFit(size)
    let last: Sent | undefined
    for (const [index, draft] of drafts.entries()) {
      const bytes = sizes[index] as number
      last = await this.#sendWith(bytes, signal, ending => this.#sender.send(draft, bytes, ending))
    }
    return last as Sent
  }

  /** A value that was filled in place; undefined where a chunk cannot be made of that memory. */
  async #sendPlaced(placed: PlacedLayout, signal: AbortSignal): Promise<Sent | undefined> {
    const { buffer } = placed
    const blob = this.#lent.blobOf(buffer)
    const { sendPlaced } = this.#sender
    if (blob === undefined || sendPlaced?.canSend(placed.template) !== true) return undefined
    return this.#sendWith(blob.size, signal, () => {
      this.#lent.take(buffer, blob)
      return sendPlaced.send(placed, blob)
    })
  }

  /** A value that may be, or have in it, memory that was lent: that is copied, and freed as if it had been taken. */
  async #sendCopied(value: In, signal: AbortSignal): Promise<Sent> {
    const buffers = buffersOf(value, buffer => this.#lent.has(buffer))
    const sent = await this.#sendValue(value, signal)
    await Promise.all([...buffers].map(buffer => this.#lent.free(buffer)))
    return sent
  }

  /** A part of what was allocated is copied, and all of it freed: a chunk is the whole of its memory. */
  async #sendAllocated(value: Uint8Array, signal: AbortSignal): Promise<Sent> {
    const buffer = value.buffer as ArrayBuffer
    const blob = this.#lent.blobOf(buffer)
    const whole = value.byteLength === buffer.byteLength
    if (blob !== undefined && whole) {
      return this.#sendWith(blob.size, signal, () => {
        this.#lent.take(buffer, blob)
        return this.#sender.sendBlob(blob)
      })
    }
    const sent = await this.#sendWith(value.byteLength, signal, ending => {
      const bytes = whole ? this.#lent.takeBytes(buffer) : value
      return this.#sender.send(BlobDraft.copyOf(bytes), bytes.byteLength, ending)
    })
    if (!whole) await this.#lent.free(buffer)
    return sent
  }

  /** Sends one chunk when the window has room for it. */
  async #sendWith<Result extends Sent | undefined>(
    bytes: number,
    signal: AbortSignal,
    send: (signal: AbortSignal) => Promise<Result> | undefined
  ): Promise<Result> {
    try {
      return await roomWithin(this.#idleTimeout, signal, async ending => {
        await this.#window.waitForRoom(bytes, ending)
        this.#state.checkOpen()
        throwIfAborted(ending)
        const sent = await send(ending)
        if (sent !== undefined) this.#pushed(sent.bytes, sent)
        return sent as Result
      })
    } catch (error) {
      throw this.#state.asStreamFailure(error)
    }
  }

  #pushed(bytes: number, sent?: Sent): void {
    this.#window.pushed(bytes, sent)
    this.#counters.wrote(bytes)
  }
}
