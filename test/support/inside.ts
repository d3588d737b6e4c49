import { EventEmitter } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { run } from '#dist/cli/program.js'
import type { CliResult } from './cli.js'

export interface InsideOptions {
  env?: Record<string, string>
  input?: string | Buffer
  /** Of the outputs; 'latin1' keeps bytes. */
  encoding?: BufferEncoding
  /** Outputs are terminals with colours. */
  terminal?: boolean
  /** Called for what comes out, to interrupt what would go on. */
  watch?: (text: string, output: 'stdout' | 'stderr', interrupt: () => void) => void
  /** Milliseconds after which, and then again, it is interrupted. */
  patience?: number
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
          texts[name] += chunk.toString(options.encoding)
          options.watch?.(chunk.toString(), name, interrupt)
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
  const timer = options.patience === undefined ? undefined : setInterval(interrupt, options.patience)
  try {
    return { code: await run(args, host as never), ...texts }
  } finally {
    clearInterval(timer)
  }
}
