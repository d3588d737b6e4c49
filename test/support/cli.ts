import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const cliMain = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

export interface CliResult {
  code: number | null
  stdout: string
  stderr: string
}

/** A command that runs, and what it has said so far. */
export class CliProcess {
  stdout = ''
  stderr = ''
  readonly child: ChildProcess
  readonly #ended: Promise<unknown[]>

  /** `input` is all that comes; null leaves it open. */
  constructor(args: readonly string[], socket: string, input?: string | null) {
    const env = { ...process.env, VINEYARD_IPC_SOCKET: socket }
    this.child = spawn(process.execPath, [cliMain, ...args], { env })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    if (input !== null) this.child.stdin?.end(input)
    this.#ended = once(this.child, 'close')
  }

  async end(): Promise<CliResult> {
    const [code] = (await this.#ended) as [number | null]
    return { code, stdout: this.stdout, stderr: this.stderr }
  }
}

/** Runs a command to its end. */
export function cli(args: readonly string[], socket: string, input?: string): Promise<CliResult> {
  return new CliProcess(args, socket, input).end()
}
