import { AbortError } from '../abort.js'
import { allocateBlobs, dropBlobs } from '../client/blob-allocation.js'
import type { Connection } from '../client/connection.js'
import type { Counters } from '../client/counters.js'
import { native } from '../native.js'
import type { Payload } from '../protocol/payload.js'
import type { ChunkSender } from './chunk-sender.js'
import type { ProducerGuard } from './producer-guard.js'

/** Memory that a writer has handed out to be filled in place, until it is appended or the writer ends. */
export class LentMemory {
  readonly #connection: Connection
  readonly #sender: ChunkSender
  readonly #counters: Counters
  readonly #guard: ProducerGuard | undefined
  /** Over TCP it has no blob yet. */
  readonly #buffers = new Map<ArrayBufferLike, Payload | undefined>()

  constructor(
    connection: Connection,
    sender: ChunkSender,
    counters: Counters,
    guard: ProducerGuard | undefined
  ) {
    this.#connection = connection
    this.#sender = sender
    this.#counters = counters
    this.#guard = guard
    connection.onClosed(() => this.withdraw())
  }

  /** Whether any is handed out. */
  get any(): boolean {
    return this.#buffers.size > 0
  }

  /** Whether this is a buffer that is handed out. */
  has(buffer: ArrayBufferLike): boolean {
    return this.#buffers.has(buffer)
  }

  /** The blob whose memory it is, if it is one's. */
  blobOf(buffer: ArrayBuffer): Payload | undefined {
    return this.#buffers.get(buffer)
  }

  /** Waits for memory of exactly `size` bytes. */
  async lend(size: number, signal: AbortSignal): Promise<Buffer> {
    if (this.#connection.remote) {
      const memory = Buffer.allocUnsafeSlow(size)
      this.#buffers.set(memory.buffer, undefined)
      return memory
    }
    const blob = await this.#allocate(size, signal)
    if (signal.aborted) {
      await dropBlobs(this.#connection, [blob])
      throw new AbortError(signal.reason)
    }
    const view = this.#connection.descriptors.region(blob).writableView(blob.offset, size)
    this.#buffers.set(view, blob)
    this.#guard?.handedOut(blob.id)
    return Buffer.from(view)
  }

  /** Takes a blob's memory away from whoever filled it, to be sent. */
  take(buffer: ArrayBuffer, blob: Payload): void {
    this.#buffers.delete(buffer)
    this.#connection.descriptors.region(blob).closeWritable(blob.offset, buffer)
  }

  /** The same for memory that has no blob: what was filled, in a buffer that nobody else has. */
  takeBytes(buffer: ArrayBuffer): ArrayBuffer {
    this.#buffers.delete(buffer)
    return structuredClone(buffer, { transfer: [buffer] })
  }

  /** Takes memory back and frees it. */
  async free(buffer: ArrayBuffer): Promise<void> {
    const blob = this.#buffers.get(buffer)
    this.#buffers.delete(buffer)
    if (blob === undefined) return native.detachOwn(buffer)
    native.detach(buffer)
    await dropBlobs(this.#connection, [blob])
  }

  /**
   * Ends the access to everything handed out: the server may free it without being asked, and give it to somebody else
   * while whoever has it still writes.
   */
  withdraw(): void {
    for (const [view, blob] of this.#buffers) if (blob !== undefined) native.detach(view as ArrayBuffer)
  }

  /** Frees what was never appended. Over TCP that is the memory of whoever has it. */
  async freeAll(): Promise<void> {
    const blobs = [...this.#buffers.values()].filter(blob => blob !== undefined)
    this.withdraw()
    this.#buffers.clear()
    await dropBlobs(this.#connection, blobs)
  }

  async #allocate(size: number, signal: AbortSignal): Promise<Payload> {
    if (this.#sender.allocate !== undefined) return this.#sender.allocate(size, signal)
    const options = { wait: true, scoped: true, signal, counters: this.#counters }
    const [blob] = (await allocateBlobs(this.#connection, [size], options)) as [Payload]
    return blob
  }
}
