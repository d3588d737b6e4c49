import { EventEmitter } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { run } from '#dist/cli/program.js'
import type { CliResult } from './cli.js'

export interface InsideOptions {
  env?: Record<string, string>
  input?: string | Buffer
  /** Outputs are terminals with colours. */
  terminal?: boolean
  /** Called for what comes out at the error output, to stop what would go on. */
  onStderr?: (text: string, interrupt: () => void) => void
  /** Interrupts a command that waits. */
  signal?: AbortSignal
}

/** Runs a command line within this process, where there is one for each of thousands of tests. */
export async function inside(args: readonly string[], options: InsideOptions = {}): Promise<CliResult> {
  const signals = new EventEmitter()
  const interrupt = (): void => void signals.emit('SIGINT')
  const texts = { stdout: '', stderr: '' }
  const output = (name: 'stdout' | 'stderr'): Writable =>
    Object.assign(
      new Writable({
        write(chunk: Buffer, _encoding, callback) {
          texts[name] += chunk.toString()
          if (name === 'stderr') options.onStderr?.(chunk.toString(), interrupt)
          callback()
        }
      }),
      { isTTY: options.terminal ?? false, hasColors: () => true, columns: 80, rows: 24 }
    )
  const stdin = new PassThrough()
  stdin.end(options.input)
  const host = Object.assign(signals, {
    stdin,
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: options.env ?? {}
  })
  options.signal?.addEventListener('abort', interrupt)
  const code = await run(args, host as never)
  options.signal?.removeEventListener('abort', interrupt)
  return { code, ...texts }
}
