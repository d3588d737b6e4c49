import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from 'vineyard-streams'
import type { Namespace } from './network.js'
import { upAndRunning } from './up-and-running.js'

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

export interface VineyarddOptions {
  /** Whether it listens for TCP as well: on a free port, or on this one. */
  rpc?: boolean | number
  /** URL of the etcd that makes it one of a cluster; alone without. */
  etcd?: string
  /** Where it is to run, if not with this process. */
  namespace?: Namespace
  /** What clients must register with. */
  login?: { username: string; password: string }
}

/** Stands for Apache's program, which vineyardd asks (-v -b FILE USER PASSWORD); here the file has the passwords themselves. */
const htpasswd = '#!/bin/sh\nexec grep -qxF -- "$4:$5" "$3"\n'

/** A port of TCP that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** Whether a vineyardd lets clients in at all of these addresses; its socket is there first. */
export async function answers(
  socket: string,
  endpoint?: string,
  login?: VineyarddOptions['login']
): Promise<boolean> {
  if (!existsSync(socket)) return false
  try {
    for (const address of [socket, endpoint]) {
      if (address !== undefined) await (await connect(address, login)).close()
    }
    return true
  } catch {
    return false
  }
}

/** A real vineyardd on a socket of its own. */
export class Vineyardd {
  readonly socket: string
  /** tcp://host:port, with `rpc`. */
  readonly endpoint: string | undefined
  readonly #directory: string
  readonly process: ChildProcess

  private constructor(directory: string, size: string, port: number | undefined, options: VineyarddOptions) {
    this.#directory = directory
    this.socket = join(directory, 'vineyard.sock')
    const { etcd, namespace, login } = options
    this.endpoint = port === undefined ? undefined : `tcp://${namespace?.address ?? '127.0.0.1'}:${port}`
    // A sanitizer that is preloaded into Node must not be loaded into other programs.
    const env: NodeJS.ProcessEnv = { ...process.env, LD_PRELOAD: '' }
    const meta = etcd === undefined ? ['--meta', 'local'] : ['--meta', 'etcd', '--etcd_endpoint', etcd]
    const rpc = port === undefined ? ['--rpc=false'] : ['--rpc_socket_port', String(port)]
    const command = [daemon, '--socket', this.socket, '--size', size, ...meta, ...rpc]
    if (login !== undefined) {
      const logins = join(directory, 'logins')
      writeFileSync(logins, `${login.username}:${login.password}\n`)
      writeFileSync(join(directory, 'htpasswd'), htpasswd, { mode: 0o755 })
      env['PATH'] = `${directory}:${process.env['PATH']}`
      command.push('--htpasswd', logins)
    }
    if (namespace !== undefined) {
      // What it tells the others they can connect to.
      env['MY_HOST_NAME'] = namespace.address
      command.unshift('ip', 'netns', 'exec', namespace.name)
    }
    const [program, ...args] = command as [string, ...string[]]
    this.process = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env })
  }

  static async start(size = '512Mi', options: VineyarddOptions = {}): Promise<Vineyardd> {
    // Two of them on one port would both listen (SO_REUSEPORT), and share the clients.
    const port = options.rpc === true ? await freePort() : options.rpc || undefined
    const server = new Vineyardd(mkdtempSync(join(tmpdir(), 'vineyardd-')), size, port, options)
    await upAndRunning(server.process, () => answers(server.socket, server.endpoint, options.login))
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
}
