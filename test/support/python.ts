import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { python } from './vineyardd.js'

const scripts = fileURLToPath(new URL('../../../test/interop/python/', import.meta.url))

/** A Python script as a child process that speaks lines of JSON. */
export class PythonScript {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<string>
  #stderr = ''

  /** `script` is a file of test/interop/python. */
  constructor(script: string, args: readonly string[] = []) {
    // A sanitizer that is preloaded into Node must not be loaded into other programs.
    const env = { ...process.env, LD_PRELOAD: '', PYTHONDONTWRITEBYTECODE: '1' }
    this.#child = spawn(python, [scripts + script, ...args], { env })
    this.#ended = new Promise(resolve => {
      this.#child.once('error', error => resolve(error.message))
      this.#child.once('close', (code, signal) => resolve(`it ended with ${signal ?? code}`))
    })
    // Its end is told by receive(): a write to a process that has ended is no error of its own.
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  send(message: unknown): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`)
  }

  /** The next line. Rejects with what the script wrote to stderr if it ends instead. */
  async receive(): Promise<unknown> {
    const line = await this.#lines.next()
    if (line.done === true) throw new Error(`a Python script failed: ${await this.#ended}\n${this.#stderr}`)
    return JSON.parse(line.value)
  }

  /** Ends the process at once, whatever it waits for. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
