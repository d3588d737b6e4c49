import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { profiled } from './profile.js'
import { socketPath } from './socket-path.js'

/** The embedded store, started with the command line; or the real system. */
export type ServerKind = 'store' | 'vineyardd'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const venv = process.env['VINEYARD_TEST_VENV'] ?? join(root, '.venv')
export const python = join(venv, 'bin/python')

/** Shared memory of a server: the largest chunks are 64 MiB, and a writer may be a quarter of the memory ahead. */
const size = '512Mi'

function daemon(): string {
  const lib = join(venv, 'lib')
  const version = existsSync(lib) ? readdirSync(lib).find(name => name.startsWith('python3')) : undefined
  return join(lib, version ?? '', 'site-packages/vineyard/bdist/vineyardd')
}

export interface Server {
  socket: string
  pid: number
  close: () => Promise<void>
}

/** A server of its own process, listening. */
export async function startServer(kind: ServerKind): Promise<Server> {
  const { path, remove } = socketPath()
  const child = kind === 'store' ? startStore(path) : startVineyardd(path)
  const exited = once(child, 'exit')
  await listening(child, path)
  return {
    socket: path,
    pid: child.pid!,
    close: async () => {
      // A profile is written when a process ends by itself; vineyardd takes up to a minute for that.
      child.kill(kind === 'store' ? 'SIGTERM' : 'SIGKILL')
      await exited
      remove()
    }
  }
}

function startStore(socket: string): ChildProcess {
  const main = join(root, 'dist/cli/main.js')
  return spawn(process.execPath, [...profiled('store'), main, 'serve', '-s', socket, '-m', size], {
    stdio: ['ignore', 'ignore', 'pipe']
  })
}

function startVineyardd(socket: string): ChildProcess {
  const options = ['--socket', socket, '--size', size, '--meta', 'local', '--rpc=false']
  return spawn(daemon(), options, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Both log to stderr as they come up: each piece of it is an occasion to look whether the socket is there. */
async function listening(child: ChildProcess, socket: string): Promise<void> {
  let log = ''
  for await (const text of child.stderr!.iterator({ destroyOnReturn: false })) {
    log += String(text)
    if (!existsSync(socket)) continue
    child.stderr!.resume()
    return
  }
  throw new Error(`the server did not start:\n${log}`)
}
