import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

/** Runs `ip`, of iproute2. */
function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'ignore' })
}

/** How many networks there can be. */
const numbers = 128 * 256

/** A network namespace, and its address. */
export interface Namespace {
  name: string
  address: string
}

/** A network of namespaces, one for each instance, that reach each other and this process through a bridge. */
export class Network {
  readonly #bridge: string
  readonly #namespaces: string[] = []
  readonly #prefix: string

  private constructor(number: number) {
    this.#bridge = `vs${number}`
    this.#prefix = `10.${128 + (number >> 8)}.${number & 255}`
  }

  /** What a run that was killed has left is still there: with two of one address packets go to either. */
  get #isTaken(): boolean {
    return Object.entries(networkInterfaces()).some(
      ([name, addresses]) =>
        name === this.#bridge || addresses?.some(({ address }) => address.startsWith(`${this.#prefix}.`))
    )
  }

  /** Undefined where the machine does not allow it (that takes root); then everything is on loopback. */
  static create(): Network | undefined {
    // Of processes that begin at the same time none may take another's.
    let number = process.pid % numbers
    let network = new Network(number)
    while (network.#isTaken) network = new Network((number = (number + 1) % numbers))
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
  add(): Namespace {
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

  /** Nothing gets to a namespace or out of it any more, and nobody is told; or it does again. */
  set(name: string, state: 'up' | 'down'): void {
    ip('link', 'set', `${name}v`, state)
    // The search for the neighbour that began while the link was down would fail what connects now, three seconds after its begin.
    if (state === 'up') ip('neigh', 'flush', 'dev', this.#bridge)
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
