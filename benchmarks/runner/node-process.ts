import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { profiled } from './profile.js'

/** A program of benchmarks/processes in a process of its own, which tells things and ends when it is told to. */
export class NodeProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #told: unknown[] = []
  #failure: string | undefined
  #wake: (() => void) | undefined

  /** `name` is what a profile of it is called; `job` what the program gets. */
  constructor(program: string, name: string, job: unknown, options: { execArgv?: string[] } = {}) {
    const path = fileURLToPath(new URL(`../processes/${program}.js`, import.meta.url))
    this.#child = fork(path, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [...profiled(name), ...(options.execArgv ?? [])]
    })
    let stderr = ''
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    this.#child.on('message', message => {
      this.#told.push(message)
      this.#wake?.()
    })
    this.#exited = once(this.#child, 'close').then(([code, signal]) => {
      this.#failure = `${name} ended with ${String(signal ?? code)}\n${stderr}`
      this.#wake?.()
    })
    this.#child.send(job as object)
  }

  /** The next thing it tells. Rejects if it ends instead. */
  async next<T>(): Promise<T> {
    while (this.#told.length === 0) {
      if (this.#failure !== undefined) throw new Error(this.#failure)
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    return this.#told.shift() as T
  }

  /** Ends it. When profiles are wanted it ends by itself, because that is when they are written. */
  async end(): Promise<void> {
    if (profiled('').length > 0) this.#child.send('end', () => {})
    else this.#child.kill('SIGKILL')
    await this.#exited
  }
}
