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
    const idle = this.#running === 0
    this.#running += 1
    if (signal === undefined) return this.#follow(idle ? task() : this.#last.then(task))
    let abandoned = false
    let stopListening = (): void => {}
    const turn = this.#last.then(() => {
      stopListening()
      if (abandoned) throw new AbortError(signal.reason)
      return task()
    })
    const result = this.#follow(turn)
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

  /** What comes after waits for `result`. */
  #follow<T>(result: Promise<T>): Promise<T> {
    this.#last = result.then(this.#ended, this.#ended)
    return result
  }

  readonly #ended = (): void => {
    this.#running -= 1
  }

  /** Resolves when everything that was started has ended. */
  async idle(): Promise<void> {
    await this.#last
  }
}
