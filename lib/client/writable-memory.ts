import { native } from '../native.js'
import type { Payload } from '../protocol/payload.js'
import type { ChunkTarget } from './chunk-target.js'
import type { Connection } from './connection.js'

/** An unsealed blob of this process that small chunks are written to, one after the other, through one view. */
export class WritableMemory implements ChunkTarget {
  readonly payload: Payload
  readonly #bytes: Uint8Array
  /** Bytes from the start that have been given out. */
  used = 0

  constructor(connection: Connection, payload: Payload) {
    const { offset, size } = payload
    this.payload = payload
    this.#bytes = new Uint8Array(connection.descriptors.region(payload).writableView(offset, size))
  }

  put(at: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, at)
  }

  fill(at: number, size: number, fill: (target: Uint8Array) => void): void {
    fill(this.#bytes.subarray(at, at + size))
  }

  /** Ends the access. The blob itself is not affected. */
  close(): void {
    native.detach(this.#bytes.buffer as ArrayBuffer)
  }
}
