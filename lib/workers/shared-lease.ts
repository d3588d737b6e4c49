import type { MessagePort } from 'node:worker_threads'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { Connection } from '../client/connection.js'
import { patienceMs } from '../client/patience.js'
import { deleteData } from '../client/requests/metadata.js'
import { connectionSettings } from '../client/settings.js'
import { lifeOf } from '../memory/identity.js'
import type { Lease, LeaseKeeper, LeaseObject } from '../memory/lease.js'
import { native } from '../native.js'
import type { SharedMemory } from './shared-chunk.js'

/**
 * Keeps a lease as long as the other end of `port` is open, or of a port that comes through it: whoever hands on what it
 * received may end before those who get it.
 */
export function keepFor(port: MessagePort, lease: Lease): void {
  const held = lease.handle()
  port.on('message', (other: MessagePort) => keepFor(other, lease))
  port.once('close', () => held.release())
  // That a port closes is the message. It must not keep the process alive.
  port.unref()
}

/** Puts into `port`, whose other end is on its way, a port that leads past this thread to the one that has the lease. */
export function passHome(home: MessagePort, port: MessagePort): void {
  const { port1, port2 } = new MessageChannel()
  home.postMessage(port1, [port1])
  port.postMessage(port2, [port2])
}

interface ReceivedMemory {
  port: MessagePort
  memory: SharedMemory
}

/** The share of a thread in a lease that another one has, or had: that one may have ended. */
export class SharedLease implements LeaseKeeper {
  readonly home: MessagePort
  /** In the thread that shared it, its port would be closed if that were collected. */
  readonly #shared: ReceivedMemory
  readonly #hold: number
  #alone = false

  /** Undefined where the memory is gone: its thread has ended, or somebody has received it. */
  static of(shared: ReceivedMemory): SharedLease | undefined {
    const hold = native.takeHold(shared.memory.hold)
    return hold === 0 ? undefined : new SharedLease(shared, hold)
  }

  private constructor(shared: ReceivedMemory, hold: number) {
    const { port } = shared
    const passed = receiveMessageOnPort(port) as { message: MessagePort } | undefined
    this.#shared = shared
    this.#hold = hold
    this.home = passed?.message ?? port
    this.home.once('close', () => (this.#alone = true))
    this.home.unref()
  }

  get object(): LeaseObject | undefined {
    return this.#shared.memory.object
  }

  hold(): number {
    return native.copyHold(this.#hold)
  }

  /** Tells the thread that has the lease or, if it has ended, does what it would do. */
  giveBack(): void {
    const last = native.dropHold(this.#hold)
    this.#shared.port.close()
    this.home.close()
    const { object } = this
    if (last && object !== undefined && (this.#alone || lifeOf(object.owner) === 'dead'))
      void deleteLease(object)
  }
}

/** Where that fails, the next client of this process does it. */
async function deleteLease({ id, address }: LeaseObject): Promise<void> {
  try {
    const connection = await Connection.open(connectionSettings(address, { timeout: patienceMs }))
    await deleteData(connection, [id], { force: false, deep: true }).finally(() => connection.close())
  } catch {
    // The server may be gone, or ask for a password.
  }
}
