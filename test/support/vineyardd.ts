import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from 'vineyard-streams'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const venv = process.env['VINEYARD_TEST_VENV'] ?? join(root, '.venv')

/** In CI the real system must be there: a missing one fails instead of leaving tests pending. */
const interopRequired = process.env['VINEYARD_REQUIRE_INTEROP'] === '1'

export const python = join(venv, 'bin/python')

export function sitePackages(): string | undefined {
  const lib = join(venv, 'lib')
  if (!existsSync(lib)) return undefined
  const version = readdirSync(lib).find(name => name.startsWith('python3'))
  return version === undefined ? undefined : join(lib, version, 'site-packages')
}

const daemon = join(sitePackages() ?? '', 'vineyard/bdist/vineyardd')

export const haveVineyard = existsSync(daemon)

/** Marks the suite or test pending where the real system is not installed; fails it where it is required. */
export function needsVineyard(context: Mocha.Context): void {
  if (haveVineyard) return
  if (interopRequired) throw new Error(`the real system is required, but ${daemon} does not exist`)
  context.skip()
}

/** A real vineyardd on a socket of its own. */
export class Vineyardd {
  readonly socket: string
  readonly #directory: string
  readonly process: ChildProcess

  private constructor(directory: string, size: string) {
    this.#directory = directory
    this.socket = join(directory, 'vineyard.sock')
    // A sanitizer that is preloaded into Node must not be loaded into other programs.
    const env = { ...process.env, LD_PRELOAD: '' }
    const args = ['--socket', this.socket, '--size', size, '--meta', 'local', '--rpc=false']
    this.process = spawn(daemon, args, { stdio: ['ignore', 'ignore', 'pipe'], env })
  }

  static async start(size = '512Mi'): Promise<Vineyardd> {
    const server = new Vineyardd(mkdtempSync(join(tmpdir(), 'vineyardd-')), size)
    await server.#listening()
    return server
  }

  async close(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const exited = once(this.process, 'exit')
      // Nothing in it is worth saving, and 0.24.2 sometimes takes a minute to end on SIGTERM.
      this.process.kill('SIGKILL')
      await exited
    }
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** The daemon logs to stderr as it comes up; each line is an occasion to see whether it answers already. */
  async #listening(): Promise<void> {
    let log = ''
    // Leaving the loop must not close the pipe that the daemon logs to.
    const lines = (this.process.stderr as Readable).iterator({ destroyOnReturn: false })
    for await (const text of lines) {
      log += String(text)
      if (!existsSync(this.socket)) continue
      try {
        const client = await connect(this.socket)
        await client.close()
        this.process.stderr?.resume()
        return
      } catch {
        continue
      }
    }
    throw new Error(`vineyardd did not start:\n${log}`)
  }
}
