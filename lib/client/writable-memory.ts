import { native } from '../native.js'
import type { Payload } from '../protocol/payload.js'
import type { Connection } from './connection.js'

/** An unsealed blob of this process, to be written to. */
export class WritableMemory {
  readonly payload: Payload
  readonly bytes: Uint8Array
  /** The same memory, as far as it is whole numbers. */
  readonly floats: Float64Array
  /** Bytes from the start that have been given out. */
  used = 0

  constructor(connection: Connection, payload: Payload) {
    const { offset, size } = payload
    const view = connection.descriptors.region(payload).writableView(offset, size)
    this.payload = payload
    this.bytes = new Uint8Array(view)
    this.floats = new Float64Array(view, 0, Math.floor(size / 8))
  }

  /** Ends the access. The blob itself is not affected. */
  close(): void {
    native.detach(this.bytes.buffer as ArrayBuffer)
  }
}
