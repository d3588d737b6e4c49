import { rmdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { VineyardError } from '../errors.js'
import { type Channel, native } from '../native.js'
import { TcpChannel } from '../rpc/tcp-channel.js'
import { freshSocket } from './abandoned-directories.js'
import { Authentication } from './authentication.js'
import { Dispatcher } from './dispatcher.js'
import { Engine } from './engine.js'
import { type CheckedOptions, checkOptions, type StoreOptions } from './options.js'
import { Pool } from './pool.js'
import { RequestError } from './request-error.js'
import type { ServerFacts } from './requests/handler.js'
import { Connection, type ConnectionHost } from './session/connection.js'
import { Connections } from './session/connections.js'
import { IpcListener } from './session/ipc-listener.js'
import { defaultLimits, type Limits } from './session/limits.js'
import { TcpListener } from './session/tcp-listener.js'
import { instanceStatus, type StoreStatus } from './status.js'
import type { StoreSnapshot } from '../protocol/snapshot.js'
import { type Authenticate, type Endpoint, type Pages, WatchEndpoint } from './watch/endpoint.js'
import { metricsPages } from './watch/metrics.js'
import { takeSnapshot } from './watch/snapshot.js'
import { uiPages } from './watch/ui.js'

/** What upstream names as its endpoint when there is none. */
const noEndpoint = '0.0.0.0:0'
/** How often the streams of a closing store are looked at, in ms. */
const drainInterval = 10

/**
 * The store on the current thread: `Store` runs it in a worker, the command line directly. It keeps the event loop alive
 * until it is closed or unrefed.
 */
export class StoreServer {
  readonly socket: string

  readonly #engine: Engine
  readonly #poolFd: number
  readonly #listener: IpcListener
  readonly #tcpListener: TcpListener | undefined
  readonly #connections: Connections
  readonly #host: ConnectionHost
  /** The directory that was made for the socket. */
  readonly #directory: string | undefined
  readonly #authenticate: Authenticate
  /** What shows the store to people and to Prometheus. */
  readonly #watch: WatchEndpoint[] = []
  #closing = false
  /** When a closing store waits no longer for its readers. */
  #drainEnd = Infinity
  #closed: Promise<void> | undefined

  /**
   * Starts a store. Rejects with TypeError or RangeError for options that are wrong, VineyardError
   * ERR_VINEYARD_EXISTS where another server uses the socket or the port, ERR_VINEYARD_NO_MEMORY and
   * ERR_VINEYARD_SERVER for what the system refuses.
   */
  static async start(options: StoreOptions = {}, limits: Partial<Limits> = {}): Promise<StoreServer> {
    const checked = checkOptions(options)
    const strangersFrame = Math.min(defaultLimits.strangersFrame, checked.maxFrame)
    const server = await StoreServer.#listen(checked, { ...defaultLimits, strangersFrame, ...limits })
    try {
      await server.#openWatch(checked)
      return server
    } catch (error) {
      await server.close({ drain: 0 })
      throw error
    }
  }

  static async #listen(checked: CheckedOptions, limits: Limits): Promise<StoreServer> {
    if (checked.rpc === undefined) return new StoreServer(checked, limits)
    const listener = await TcpListener.start(checked.rpc, limits.strangersFrame)
    try {
      return new StoreServer(checked, limits, listener)
    } catch (error) {
      listener.close()
      throw error
    }
  }

  private constructor(options: CheckedOptions, limits: Limits, rpc?: TcpListener) {
    this.#connections = new Connections(options.maxConnections, limits.heldBytes)
    this.#poolFd = createMemory(options.size)
    const fd = this.#poolFd
    const pages = {
      reserve: (offset: number, length: number) => native.reserve(fd, offset, length),
      punchHole: (offset: number, length: number) => native.punchHole(fd, offset, length)
    }
    this.#engine = new Engine(new Pool(options.size, pages), fd)
    try {
      const fresh = options.socket === undefined ? freshSocket() : undefined
      this.#directory = fresh?.directory
      this.socket = fresh?.socket ?? resolve(options.socket!)
    } catch (error) {
      native.closeFd(fd)
      throw error
    }
    const authentication = new Authentication(options.username, options.password)
    this.#authenticate = (username, password) => authentication.accepts(username, password)
    const isClosing = (): boolean => this.#closing
    const facts: ServerFacts = {
      socket: this.socket,
      rpcEndpoint: rpc?.endpoint ?? noEndpoint,
      authenticate: this.#authenticate,
      connections: () => this.#connections.counts,
      get closing() {
        return isClosing()
      }
    }
    this.#host = {
      dispatcher: new Dispatcher(this.#engine, facts),
      limits,
      maxFrame: options.maxFrame,
      holds: (connection, bytes) => this.#connections.holds(connection, bytes),
      ended: ({ peer }) => this.#engine.disconnect(peer),
      closed: connection => this.#connections.delete(connection)
    }
    this.#tcpListener = rpc
    try {
      this.#listener = new IpcListener(this.socket, limits.strangersFrame, channel => this.#accept(channel))
    } catch (error) {
      native.closeFd(fd)
      this.#removeDirectory()
      throw error
    }
    this.#tcpListener?.onConnection(channel => this.#accept(channel))
  }

  /** `host:port` for clients of other machines; undefined where the store has no RPC endpoint. */
  get rpcEndpoint(): string | undefined {
    return this.#tcpListener?.endpoint
  }

  /** Where the page is that shows the store, if there is one. */
  uiUrl: string | undefined
  /** Where Prometheus finds the metrics, if it does. */
  metricsUrl: string | undefined

  async #openWatch({ metrics, ui }: CheckedOptions): Promise<void> {
    const snapshot = (): StoreSnapshot => takeSnapshot(this.#engine, false)
    const open = async (at: Endpoint, pages: Pages): Promise<string> => {
      const endpoint = await WatchEndpoint.start(at, pages, this.#authenticate)
      this.#watch.push(endpoint)
      return endpoint.url
    }
    if (metrics !== undefined)
      this.metricsUrl = `${await open(metrics, await metricsPages(snapshot))}/metrics`
    if (ui !== undefined) this.uiUrl = `${await open(ui, uiPages(snapshot))}/`
  }

  status(): StoreStatus {
    return instanceStatus(this.#engine, this.#connections.counts)
  }

  ref(): void {
    this.#listener.ref()
    this.#tcpListener?.ref()
    for (const endpoint of this.#watch) endpoint.ref()
  }

  unref(): void {
    this.#listener.unref()
    this.#tcpListener?.unref()
    for (const endpoint of this.#watch) endpoint.unref()
  }

  /**
   * Refuses new connections and new work at once, fails streams that nobody has finished, gives readers up to `drain` ms
   * (default 5000) to take what is left, then closes everything. What has been sent has a second to be taken. Later calls
   * wait for the first, and can give its readers less time.
   */
  close({ drain = 5000 }: { drain?: number } = {}): Promise<void> {
    this.#drainEnd = Math.min(this.#drainEnd, performance.now() + drain)
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#closing = true
    this.#listener.close()
    this.#tcpListener?.close()
    this.#engine.memory.failAll(RequestError.closing())
    this.#engine.streams.failUnfinished('the store is closing')
    while (this.#engine.streams.draining && performance.now() < this.#drainEnd) await delay(drainInterval)
    await Promise.all(this.#connections.all().map(connection => connection.end()))
    await Promise.all(this.#watch.map(endpoint => endpoint.close()))
    this.#engine.bytes.close()
    native.closeFd(this.#poolFd)
    this.#removeDirectory()
  }

  #accept(channel: Channel | TcpChannel): void {
    const remote = channel instanceof TcpChannel
    const allowed = remote || isAllowed(channel)
    if (!allowed || this.#closing || !this.#connections.makeRoom(remote)) {
      channel.close()
      return
    }
    const connection = new Connection(channel, this.#host)
    this.#connections.add(connection)
    this.#engine.connect(connection.peer, remote ? undefined : channel.peer.pid)
    connection.start()
  }

  #removeDirectory(): void {
    if (this.#directory === undefined) return
    try {
      rmdirSync(this.#directory)
    } catch {
      // Somebody has put something there; it is not ours to remove.
    }
  }
}

/** On the machine itself whoever runs the store may use it, and root. */
function isAllowed({ peer: { uid } }: Channel): boolean {
  return uid === 0 || uid === process.getuid?.()
}

function createMemory(size: number): number {
  try {
    return native.createMemory('vineyard-streams', size)
  } catch (cause) {
    throw new VineyardError('ERR_VINEYARD_NO_MEMORY', `the system gives no shared memory of ${size} bytes`, {
      cause
    })
  }
}
