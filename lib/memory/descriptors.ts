import { VineyardError } from '../errors.js'
import { native } from '../native.js'
import type { Payload } from '../protocol/payload.js'
import { Region } from './region.js'

/** The memory files that one connection has received, by the server's descriptor numbers. */
export class Descriptors {
  readonly #regions = new Map<number, Region>()
  #closed = false

  /** Takes over a received descriptor. */
  add(storeFd: number, fd: number): void {
    if (this.#closed) {
      native.closeFd(fd)
      return
    }
    const region = Region.acquire(fd)
    this.#regions.get(storeFd)?.drop()
    this.#regions.set(storeFd, region)
  }

  region(payload: Payload): Region {
    const region = this.#regions.get(payload.storeFd)
    if (region === undefined) {
      throw new VineyardError(
        'ERR_VINEYARD_PROTOCOL',
        `the server never passed descriptor ${payload.storeFd} of blob ${payload.id}`
      )
    }
    return region
  }

  close(): void {
    this.#closed = true
    for (const region of this.#regions.values()) region.drop()
    this.#regions.clear()
  }
}
