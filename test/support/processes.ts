import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { lastWait } from './settling.js'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

const running = new Set<TestProcess>()

/** A pid namespace as a container has one. The program dies with `unshare`. */
const ownPidNamespace = ['--user', '--map-root-user', '--pid', '--mount-proc', '--fork', '--kill-child']

/** Whether this system lets users have pid namespaces. */
export function canHavePidNamespace(): boolean {
  return spawnSync('unshare', [...ownPidNamespace, 'true']).status === 0
}

/** A program of test/lifetime/processes in a process of its own. */
export class TestProcess {
  /** Its standard error output so far: warnings and crashes. */
  stderr = ''
  /** Its standard output so far. */
  stdout = ''
  /** Resolves when it has ended, by itself or not. */
  readonly exit: Promise<Exit>
  readonly #child: ChildProcess
  readonly #messages: unknown[] = []
  #wake: (() => void) | undefined
  #ended = false

  /** `job` is what the program gets from `receiveJob`. */
  constructor(
    readonly program: string,
    job: unknown,
    options: { execArgv?: string[]; ownPidNamespace?: boolean } = {}
  ) {
    this.#child = fork(fileURLToPath(new URL(`../lifetime/processes/${program}.js`, import.meta.url)), {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(options.ownPidNamespace === true
        ? { execPath: 'unshare', execArgv: [...ownPidNamespace, process.execPath] }
        : { execArgv: options.execArgv ?? [] })
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.#child.on('message', message => {
      this.#messages.push(message)
      this.#wake?.()
    })
    this.exit = new Promise(resolve => {
      this.#child.once('close', (code, signal) => {
        this.#ended = true
        running.delete(this)
        resolve({ code, signal })
        this.#wake?.()
      })
    })
    running.add(this)
    this.send(job)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  send(message: unknown): void {
    // A process that was killed meanwhile is what many tests are about.
    this.#child.send(message as object, () => {})
  }

  /** The next thing it tells. Rejects if it ends instead. */
  async next<T = any>(): Promise<T> {
    while (this.#messages.length === 0) {
      if (this.#ended)
        throw new Error(`the process ended: ${JSON.stringify(await this.exit)}\n${this.stderr}`)
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    return this.#messages.shift() as T
  }

  /** Everything it tells until its end, which must be a good one. */
  async rest<T = any>(): Promise<T[]> {
    const { code, signal } = await this.exit
    if (code !== 0) throw new Error(`the process ended with ${signal ?? code}\n${this.stderr}`)
    return this.#messages.splice(0) as T[]
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal)
    await this.exit
  }
}

/** For afterEach: ends what a failed test has left running, and adds to its error what it was waiting for. */
export async function endProcesses(this: Mocha.Context): Promise<void> {
  const { currentTest: test } = this
  if (test?.state === 'failed' && test.err !== undefined) {
    const programs = [...running].map(one => `\n${one.program} was still running. ${one.stderr}`)
    test.err.message += `\nThe last wait: ${lastWait()}${programs.join('')}`
  }
  await Promise.all([...running].map(one => one.kill()))
}
