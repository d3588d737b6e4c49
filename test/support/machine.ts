import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { python } from './vineyardd.js'

/**
 * A machine as far as the guide to deploying needs one: an address, and a fresh folder where what pip would have installed is
 * there. `replacements` are made in every command.
 */
export class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'machine-'))
  readonly socket = join(this.folder, 'vineyard.sock')
  /** A line that every command's shell runs before. */
  profile = ''
  readonly #namespace: string | undefined
  readonly #replacements: readonly (readonly [from: string, to: string])[]
  readonly #running = new Set<ChildProcess>()

  constructor(namespace: string | undefined, replacements: readonly (readonly [string, string])[]) {
    this.#namespace = namespace
    this.#replacements = replacements
    symlinkSync(join(python, '../..'), join(this.folder, 'vineyard'))
  }

  /** A text of the guide with what is different here. */
  here(guide: string): string {
    return this.#replacements.reduce(
      (result, [from, to]) => result.replaceAll(from, to),
      guide.replaceAll(/\/(var\/)?run\/(vineyard|store)\.sock/g, this.socket).replaceAll('4Gi', '64Mi')
    )
  }

  /** Starts a command of the guide. It ends with `close()` at the latest. */
  start(command: string): ChildProcess {
    const shell = ['sh', '-c', `${this.profile}\n${this.here(command)}`]
    if (this.#namespace !== undefined) shell.unshift('ip', 'netns', 'exec', this.#namespace)
    const [program = '', ...args] = shell
    const child = spawn(program, args, {
      cwd: this.folder,
      env: { ...process.env, VINEYARD_IPC_SOCKET: this.socket },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: whatever the shell starts ends with it.
      detached: true
    })
    this.#running.add(child)
    return child
  }

  /** What a command of the guide prints; `onStart` is told when it begins to. */
  async output(command: string, onStart?: () => void): Promise<string> {
    const child = this.start(command)
    if (onStart !== undefined) child.stdout?.once('data', onStart)
    const outputs = [child.stdout, child.stderr].map(stream => text(stream as NodeJS.ReadableStream))
    const [stdout = '', stderr = ''] = await Promise.all(outputs)
    if (stderr === '') return stdout
    throw new Error(`${command}\n${stderr}`)
  }

  /** The same of a program. */
  async outputOf(program: string, onStart?: () => void): Promise<string> {
    writeFileSync(join(this.folder, 'program.mjs'), this.here(program))
    return this.output('node program.mjs', onStart)
  }

  async close(): Promise<void> {
    for (const child of this.#running) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      // A program that could not be started has no number, and one that has just ended may have no group any more.
      if (child.pid === undefined) continue
      const exited = once(child, 'exit')
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
      await exited
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
