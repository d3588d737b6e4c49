import { rmdirSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { VineyardError } from '../errors.js'
import { checkOptions as checkNames, isDuration } from '../options.js'
import { startTimer } from '../timer.js'
import { checkOptions, type StoreOptions } from './options.js'
import { removeDead } from './session/ipc-listener.js'
import type { StoreStatus } from './status.js'
import { type FromWorker, restoreError, type Started, type ToWorker } from './worker-messages.js'

/** How long a worker may take to end after it has closed everything, in ms, before it is terminated. */
const patience = 5000

const live = new Set<Store>()

/** A process that ends without close() must not leave its sockets behind. */
function removeSockets(): void {
  for (const store of live) store.removeSocket()
}

/** Options of `store.close`. */
export interface CloseOptions {
  /** How long readers may go on taking what finished streams still hold, in ms. Default 5000. */
  drain?: number | undefined
}

interface Question {
  resolve: (status: StoreStatus) => void
  reject: (error: Error) => void
}

/**
 * A vineyard server inside this process, on a thread of its own, so that a busy producer never delays a consumer. Clients
 * of this package, and of upstream, connect to `socket`. It keeps the process alive until `close()` or `unref()`.
 */
export class Store {
  /** Path of the Unix socket. */
  readonly socket: string
  /** Where clients without shared memory connect, `host:port`: undefined without the option `rpc`. */
  readonly rpcEndpoint: string | undefined
  /** The page that shows the store, with the option `ui`. */
  readonly uiUrl: string | undefined
  /** Where Prometheus finds the metrics, with the option `metrics`. */
  readonly metricsUrl: string | undefined

  readonly #worker: Worker
  /** The socket is in a directory that was made for it. */
  readonly #ownDirectory: boolean
  readonly #questions = new Map<number, Question>()
  #nextNumber = 0
  #closed: Promise<void> | undefined
  #ended = false

  /**
   * Starts a store. Rejects with TypeError or RangeError (with a Node code) for options that are wrong, VineyardError
   * ERR_VINEYARD_EXISTS where another server listens on the socket or port, ERR_VINEYARD_NO_MEMORY and
   * ERR_VINEYARD_SERVER for what the system refuses (the system's error is the `cause`).
   */
  static async start(options: StoreOptions = {}): Promise<Store> {
    checkOptions(options)
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { ...options },
      name: 'vineyard-streams store',
      // Options of this process, like a test runner's hooks, are not meant for the store.
      execArgv: [],
      // The pool's descriptor comes from the addon: Node would complain that it has not opened it itself.
      trackUnmanagedFds: false
    })
    const started = await new Promise<Started>((resolve, reject) => {
      const exited = (code: number): void => {
        reject(lost(`the thread of the store ended with code ${code} while it started`))
      }
      worker.once('exit', exited)
      worker.once('error', reject)
      worker.once('message', (message: FromWorker) => {
        worker.off('exit', exited)
        worker.off('error', reject)
        if (message.tell === 'started') resolve(message)
        else if (message.tell === 'failed') reject(restoreError(message.error))
      })
    }).catch(async (error: unknown) => {
      await worker.terminate()
      throw error
    })
    return new Store(worker, started, options.socket === undefined)
  }

  private constructor(worker: Worker, started: Started, ownDirectory: boolean) {
    this.#worker = worker
    this.socket = started.socket
    this.rpcEndpoint = started.rpcEndpoint
    this.uiUrl = started.uiUrl
    this.metricsUrl = started.metricsUrl
    this.#ownDirectory = ownDirectory
    worker.on('message', (message: FromWorker) => this.#receive(message))
    // 'exit' follows, and ends whatever waits.
    worker.on('error', () => {})
    worker.once('exit', () => this.#exited())
    if (live.size === 0) process.on('exit', removeSockets)
    live.add(this)
  }

  /** A snapshot. Rejects with ERR_VINEYARD_CLOSED after close(), ERR_VINEYARD_CONNECTION_LOST if the thread has died. */
  status(): Promise<StoreStatus> {
    if (this.#closed)
      return Promise.reject(new VineyardError('ERR_VINEYARD_CLOSED', 'the store has been closed'))
    if (this.#ended) return Promise.reject(lost('the thread of the store has died'))
    return new Promise((resolve, reject) => {
      const number = this.#nextNumber++
      this.#questions.set(number, { resolve, reject })
      this.#ask({ ask: 'status', number })
    })
  }

  /** Lets the process end though the store is open. */
  unref(): void {
    this.#worker.unref()
  }

  /** Keeps the process alive until the store is closed, as a new store does. */
  ref(): void {
    this.#worker.ref()
  }

  /**
   * Refuses new connections and new work, lets readers take what finished streams still hold for up to `drain` ms
   * (default 5000), then closes all connections, removes the socket and ends the thread. Idempotent.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    checkNames(options, { drain: isDuration })
    return (this.#closed ??= this.#close(options.drain ?? 5000))
  }

  /** Does what `close()` does, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  removeSocket(): void {
    try {
      unlinkSync(this.socket)
    } catch {
      // It has been removed already.
    }
    this.#removeDirectory()
  }

  #removeDirectory(): void {
    try {
      if (this.#ownDirectory) rmdirSync(dirname(this.socket))
    } catch {
      // It has been removed already.
    }
  }

  async #close(drain: number): Promise<void> {
    if (this.#ended) return
    this.#worker.ref()
    const exited = new Promise<void>(resolve => this.#worker.once('exit', () => resolve()))
    this.#ask({ ask: 'close', drain })
    const timer = startTimer(drain + patience, () => void this.#worker.terminate())
    await exited
    clearTimeout(timer)
  }

  #ask(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #receive(message: FromWorker): void {
    if (message.tell !== 'status') return
    this.#questions.get(message.number)?.resolve(message.status)
    this.#questions.delete(message.number)
  }

  #exited(): void {
    this.#ended = true
    live.delete(this)
    if (live.size === 0) process.off('exit', removeSockets)
    // A worker that was closed has removed its socket itself.
    if (!this.#closed) {
      removeDead(this.socket)
      this.#removeDirectory()
    }
    for (const { reject } of this.#questions.values()) reject(lost('the thread of the store has ended'))
    this.#questions.clear()
  }
}

function lost(message: string): VineyardError {
  return new VineyardError('ERR_VINEYARD_CONNECTION_LOST', message)
}
