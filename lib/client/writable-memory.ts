import type { Region } from '../memory/region.js'
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
  readonly #region: Region

  constructor(connection: Connection, payload: Payload) {
    const { offset, size } = payload
    this.#region = connection.descriptors.region(payload)
    const view = this.#region.writableView(offset, size)
    this.payload = payload
    this.bytes = new Uint8Array(view)
    this.floats = new Float64Array(view, 0, Math.floor(size / 8))
  }

  /** Ends the access: from here on the blob has what was written. */
  close(): void {
    this.#region.closeWritable(this.payload.offset, this.bytes.buffer as ArrayBuffer)
  }
}
