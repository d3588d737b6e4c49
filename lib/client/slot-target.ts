import type { Region } from '../memory/region.js'
import type { Payload } from '../protocol/payload.js'
import type { ChunkTarget } from './chunk-target.js'
import type { Connection } from './connection.js'

/** An unsealed blob of this process that is written once: no view has to be made of it. */
export class SlotTarget implements ChunkTarget {
  readonly #region: Region
  readonly #offset: number

  constructor(connection: Connection, payload: Payload) {
    this.#region = connection.descriptors.region(payload)
    this.#offset = payload.offset
  }

  put(at: number, bytes: Uint8Array): void {
    this.#region.put(this.#offset + at, bytes)
  }

  fill(at: number, size: number, fill: (target: Uint8Array) => void): void {
    this.#region.write(this.#offset + at, size, fill)
  }
}
