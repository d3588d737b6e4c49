import type { ChildProcess } from 'node:child_process'
import { profiling } from './profile.js'
import { once } from 'node:events'

/** A process that tells things, one after the other. */
export class Child {
  readonly process: ChildProcess
  readonly #exited: Promise<void>
  readonly #told: unknown[] = []
  #failure: string | undefined
  #wake: (() => void) | undefined

  /** Takes a process whose stderr is a pipe; what it tells is handed to `told` by whoever knows how it does. */
  constructor(name: string, process: ChildProcess) {
    this.process = process
    let stderr = ''
    process.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    this.#exited = once(process, 'close').then(([code, signal]) => {
      this.#failure = `${name} ended with ${String(signal ?? code)}\n${stderr}`
      this.#wake?.()
    })
  }

  told(message: unknown): void {
    this.#told.push(message)
    this.#wake?.()
  }

  /** The next thing it tells. Rejects if it ends instead. */
  async next<T>(): Promise<T> {
    while (this.#told.length === 0) {
      if (this.#failure !== undefined) throw new Error(this.#failure)
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    return this.#told.shift() as T
  }

  /** Ends it. When profiles are wanted a Node process ends by itself, because that is when they are written. */
  async end(): Promise<void> {
    if (this.process.connected && profiling()) this.process.send('end', () => {})
    else this.process.kill('SIGKILL')
    await this.#exited
  }
}
