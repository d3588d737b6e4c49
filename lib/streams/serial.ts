import { AbortError } from '../abort.js'

/** Runs tasks one after the other, in the order they came; a task that fails does not stop the next. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve()
  #running = 0

  /** Whether a task is running or waits for its turn. */
  get busy(): boolean {
    return this.#running > 0
  }

  /** A task whose `signal` aborts before its turn never starts, and rejects at once; from then on it is its business. */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    let abandoned = false
    let stopListening = (): void => {}
    const result = this.#last.then(() => {
      stopListening()
      if (abandoned) throw new AbortError(signal?.reason)
      return task()
    })
    this.#running += 1
    const ended = (): void => {
      this.#running -= 1
    }
    this.#last = result.then(ended, ended)
    if (signal === undefined) return result
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        abandoned = true
        reject(new AbortError(signal.reason))
      }
      stopListening = () => signal.removeEventListener('abort', onAbort)
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort, { once: true })
      result.then(resolve, reject)
    })
  }

  /** Resolves when everything that was started has ended. */
  async idle(): Promise<void> {
    await this.#last
  }
}
