import { VineyardError } from '../errors.js'
import { native } from '../native.js'
import type { Payload } from '../protocol/payload.js'
import { Region } from './region.js'

/** The memory files that one connection has received, by the server's descriptor numbers. */
export class Descriptors {
  readonly #regions = new Map<number, Region>()
  #keepers = 0
  #ended = false
  #closed = false

  /** Takes over a received descriptor. */
  add(storeFd: number, fd: number): void {
    if (this.#ended) {
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

  /** Whether nothing that has come can be read any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** Lets what has come be read until the returned function is called, even if the server ends before. */
  keep(): () => void {
    this.#keepers += 1
    return () => {
      this.#keepers -= 1
      if (this.#ended && this.#keepers === 0) this.#close()
    }
  }

  /** The connection has ended because the server has: nobody will use its memory for anything else. */
  serverEnded(): void {
    this.#ended = true
    if (this.#keepers === 0) this.#close()
  }

  /** The connection has ended. A server that goes on uses its memory again, whoever keeps it. */
  close(): void {
    if (!this.#ended) this.#close()
  }

  #close(): void {
    this.#ended = true
    this.#closed = true
    for (const region of this.#regions.values()) region.drop()
    this.#regions.clear()
  }
}
