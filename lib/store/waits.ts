import { Waiting } from './waiting.js'

/** Requests that wait for something to come into being, by its key: an id, a name. */
export class Waits {
  readonly #byKey = new Map<string, Set<() => void>>()
  #length = 0

  /** How many requests wait. */
  get length(): number {
    return this.#length
  }

  /**
   * A wait for all of `keys`. `missing` tells which of them are still not there; it is asked again whenever one of them
   * comes, and `make` composes the reply when none is missing.
   */
  wait(keys: readonly string[], missing: () => boolean, make: () => string): Waiting {
    const check = (): void => {
      if (!missing()) waiting.settle(make)
    }
    const waiting = new Waiting().onEnd(() => {
      this.#length -= 1
      for (const key of keys) {
        const checks = this.#byKey.get(key)
        if (checks?.delete(check) && checks.size === 0) this.#byKey.delete(key)
      }
    })
    this.#length += 1
    for (const key of keys) {
      const checks = this.#byKey.get(key)
      if (checks) checks.add(check)
      else this.#byKey.set(key, new Set([check]))
    }
    return waiting
  }

  /** `key` has come into being. */
  arrived(key: string): void {
    const checks = this.#byKey.get(key)
    if (checks) for (const check of [...checks]) check()
  }
}
