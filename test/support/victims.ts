import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Vineyardd } from './vineyardd.js'

const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

/** A server that is a process of its own, to be killed. */
export interface Victim {
  readonly socket: string
  readonly process: ChildProcess
  close(): Promise<void>
}

/** The store as a process of its own. */
async function serve(): Promise<Victim> {
  const directory = mkdtempSync(join(tmpdir(), 'vineyard-streams-'))
  const socket = join(directory, 'store.sock')
  const child = spawn(process.execPath, [program, 'serve', '--socket', socket, '--size', '16Mi'], {
    stdio: ['ignore', 'ignore', 'pipe']
  })
  // It says that it listens.
  await once(child.stderr, 'data')
  child.stderr.resume()
  return { socket, process: child, close: async () => rmSync(directory, { recursive: true, force: true }) }
}

/** What starts each kind of server. */
export const servers: Record<string, () => Promise<Victim>> = {
  'the store': serve,
  'vineyardd 0.24.2': () => Vineyardd.start('16Mi')
}

/** Ends a server at once, unless it has ended. */
export async function kill({ process: server }: Victim): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  // With what it was connected to.
  const closed = once(server, 'close')
  server.kill('SIGKILL')
  await closed
}
