import { VineyardError } from '../errors.js'
import type { ClientCore } from './client-core.js'
import type { Connection } from './connection.js'
import { instanceStatus } from './requests/status.js'

/** ms from one answer of the instance to the next question. */
const periodMs = 1000

/**
 * Looks whether another instance of the cluster lives while something is waited for that depends on it: a vineyardd says
 * nothing of what it fetches, and goes on waiting for an instance that has died. While the instance answers there is no
 * limit; where this client cannot reach it, nobody knows, and the client's `timeout` is the limit.
 */
export class InstanceWatch {
  readonly #instance: number | bigint
  readonly #ending = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #unlisten: (() => void) | undefined
  #loss: VineyardError | undefined
  #closed = false

  constructor(core: ClientCore, instance: number | bigint) {
    this.#instance = instance
    void this.#watch(core)
  }

  /** Aborts when the wait is to end. */
  get signal(): AbortSignal {
    return this.#ending.signal
  }

  /** Why it did. */
  get loss(): VineyardError | undefined {
    return this.#loss
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#unlisten?.()
  }

  async #watch(core: ClientCore): Promise<void> {
    const { timeout } = core.settings
    let cause: unknown
    if (timeout > 0) {
      this.#after(timeout, () => {
        const message = `no answer within ${timeout} ms, and instance ${this.#instance} cannot be reached from here`
        this.#end(new VineyardError('ERR_VINEYARD_TIMEOUT', message, { cause }))
      })
    }
    let connection
    try {
      ;({ connection } = await core.at(this.#instance))
    } catch (error) {
      cause = error
      return
    }
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#unlisten = connection.onClosed(loss => {
      // The client was closed, which ends the wait itself.
      if (loss.code === 'ERR_VINEYARD_CLOSED') return
      const message = `instance ${this.#instance} was lost meanwhile: ${loss.message}`
      this.#end(new VineyardError(loss.code, message, { cause: loss }))
    })
    this.#ask(connection)
  }

  /** One that does not answer within the client's `timeout` counts as lost. */
  #ask(connection: Connection): void {
    instanceStatus(connection).then(
      () => this.#after(periodMs, () => this.#ask(connection)),
      () => {}
    )
  }

  #after(ms: number, then: () => void): void {
    if (!this.#closed) this.#timer = setTimeout(then, ms).unref()
  }

  #end(loss: VineyardError): void {
    if (this.#closed) return
    this.close()
    this.#loss = loss
    this.#ending.abort()
  }
}
