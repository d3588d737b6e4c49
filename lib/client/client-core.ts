import { abortable, abortableSoon, throwIfAborted } from '../abort.js'
import { VineyardError } from '../errors.js'
import { LeaseBudget } from '../memory/budget.js'
import { LeaseAccount, type Origin } from '../memory/lease-account.js'
import { Connection } from './connection.js'
import { Counters } from './counters.js'
import { openImpatient } from './last-words.js'
import { LeaseReturns } from './lease-returns.js'
import { MetaService } from './meta-service.js'
import { ObjectReader } from './object-reader.js'
import type { JsonObject } from '../protocol/json.js'
import { parseEndpoint } from '../rpc/endpoint.js'
import { endsSoon, patienceMs } from './patience.js'
import { PeerWatch } from './peer-watch.js'
import { clusterMeta } from './requests/status.js'
import type { ConnectionSettings } from './settings.js'
import { SideLine } from './side-line.js'

/** What a client closes before itself: readers and writers. */
export interface Dependent {
  close(): Promise<void>
}

/** How long another instance of the cluster may take to let a client in: it may be a machine that is switched off. */
const reachMs = 10_000

/**
 * How long a connection over TCP stays open that has nothing to do: where each deleted blob opened another, putting blobs
 * took a third longer. In shared memory opening one takes 0.25 ms.
 */
const idleTcpMs = 1000

/** The inside of a Client that streams, readers and writers share with it. */
export class ClientCore {
  readonly settings: ConnectionSettings
  /** Never used for a request that waits for somebody else: it must always be able to stop a stream. */
  readonly connection: Connection
  readonly returns: LeaseReturns
  readonly budget: LeaseBudget
  readonly reader: ObjectReader
  readonly counters = new Counters()
  /** Looks after the other ends of this client's streams where the server does not. */
  readonly peers = new PeerWatch()
  /** What its server may ask etcd for. */
  readonly metaService: MetaService
  /** For requests that a vineyardd answers when its etcd does. */
  readonly #side: SideLine
  /** For those that hang where the others do not. */
  readonly #turns: SideLine
  /** For what is removed, perhaps while the client is being closed. */
  readonly #removals = new SideLine(() => openImpatient(this.settings), 0)
  /** Clients of the other instances of the cluster. */
  readonly #others = new Map<string, Promise<ClientCore>>()
  readonly #dependents = new Set<Dependent>()
  /** What is to end before the connection does. */
  readonly #underWay = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  private constructor(settings: ConnectionSettings, connection: Connection, origin: Origin | undefined) {
    this.settings = settings
    this.connection = connection
    this.#side = this.#newSideLine()
    this.#turns = this.#newSideLine()
    connection.expectQuickReplies()
    this.returns = new LeaseReturns(connection)
    this.budget = LeaseBudget.of(settings.address)
    this.metaService = new MetaService(
      () => this.alone(connection => clusterMeta(connection, { ahead: true })),
      connection.info.instanceId
    )
    this.reader = new ObjectReader(
      connection,
      this.returns,
      this.metaService,
      this.budget,
      new LeaseAccount(this.budget, this.counters, origin),
      { own: false }
    )
  }

  static async open(
    settings: ConnectionSettings,
    signal?: AbortSignal,
    origin?: Origin
  ): Promise<ClientCore> {
    return new ClientCore(settings, await Connection.open(settings, signal), origin)
  }

  /** The inside of another client with the same settings. */
  async fork(): Promise<ClientCore> {
    return this.#whileOpen(undefined, ending => ClientCore.open(this.settings, ending))
  }

  /**
   * `work` with a further connection, for somebody who waits: `signal`, or closing the client, ends both. The connection
   * is closed if the work fails, and else the work's.
   */
  async connect<T>(work: (connection: Connection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#whileOpen(signal, async ending => {
      const connection = await Connection.open(this.settings, ending)
      connection.succeedBy(this.connection)
      ending.addEventListener('abort', () => connection.close())
      if (ending.aborted) connection.close()
      try {
        return await work(connection)
      } catch (error) {
        connection.close()
        throw error
      }
    })
  }

  /** The same where the connection ends with the work. */
  async briefly<T>(work: (connection: Connection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.connect(async connection => {
      const result = await work(connection)
      connection.close()
      return result
    }, signal)
  }

  /**
   * Like `connect` for an end of a stream, which `work` opens. A vineyardd does not notice that the one connection has gone that
   * knows of a stream's mark, so an opening that has begun there is not cut off: what it brings is closed, which tells the
   * other end. A server that says nothing is not waited for. `work` may stop by itself with `ending` before it asks for the mark.
   */
  async openEnd<End extends Dependent>(
    work: (connection: Connection, ending: AbortSignal | undefined) => Promise<End>,
    signal?: AbortSignal
  ): Promise<End> {
    if (this.connection.extended) return this.connect(connection => work(connection, undefined), signal)
    // Closing the client comes after it, too.
    const opening = this.endsFirst(this.#whileOpen(signal, ending => this.#openWhole(work, ending)))
    return signal === undefined ? opening : abortableSoon(opening, signal)
  }

  async #openWhole<End extends Dependent>(
    work: (connection: Connection, ending: AbortSignal) => Promise<End>,
    ending: AbortSignal
  ): Promise<End> {
    const connection = await Connection.open(this.settings, ending)
    connection.succeedBy(this.connection)
    let loss: VineyardError | undefined
    connection.onClosed(error => (loss = error))
    let patience: NodeJS.Timeout | undefined
    const hurry = (): void => {
      patience = setTimeout(() => connection.close(), patienceMs)
    }
    ending.addEventListener('abort', hurry)
    try {
      throwIfAborted(ending)
      const end = await work(connection, ending)
      if (ending.aborted) await end.close()
      throwIfAborted(ending)
      if (loss === undefined) return end
      // Gives the stream up. Closing the client waits for it.
      end.close().catch(() => {})
      throw loss
    } catch (error) {
      connection.close()
      throw error
    } finally {
      ending.removeEventListener('abort', hurry)
      clearTimeout(patience)
    }
  }

  /**
   * `work` with a connection for requests that a vineyardd may answer only when its etcd has: where that is dead, or cut
   * off, one is not answered within the timeout, which must end no more than others of the kind. In their order.
   */
  inquire<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#asksNobody ? work(this.connection) : this.#side.use(work)
  }

  /**
   * The same with a connection for requests that wait for the lock of the cluster, and hang where the others do not. A
   * vineyardd holds one of 40 threads for each that waits: with 41 at once, of all its clients, it answers none of them, nor
   * does any other of the cluster from then on. One after the other they are faster, too: 4.5 ms each, against 25 ms with
   * two at a time.
   */
  inTurn<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#asksNobody ? work(this.connection) : this.#turns.use(work)
  }

  /**
   * The same for removing what is persistent: closing this client, or losing its connection, does not end it. `endsFirst` makes
   * closing wait for it.
   */
  removing<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#removals.use(work)
  }

  /**
   * The same with a connection for this `work` alone, which hangs where others of the kind do not. `signal`, or closing the
   * client, ends it.
   */
  alone<T>(work: (connection: Connection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#asksNobody ? abortable(work(this.connection), signal) : this.briefly(work, signal)
  }

  /** The store answers by itself; and a connection that is closed, or lost, says so. */
  get #asksNobody(): boolean {
    return this.connection.closed || this.connection.extended
  }

  /**
   * The inside of a client of another instance of the cluster, over TCP; of this one, itself. It is closed with this
   * one. Rejects with ERR_VINEYARD_CONNECT where the instance is not there (any more), even if another one is by now,
   * ERR_VINEYARD_TIMEOUT where it has not let this client in within ten seconds.
   */
  at(instance: number | bigint): Promise<ClientCore> {
    if (String(instance) === String(this.connection.info.instanceId)) return Promise.resolve(this)
    this.checkOpen()
    const key = String(instance)
    const known = this.#others.get(key)
    if (known !== undefined) return known
    const other = this.#connectTo(key)
    this.#others.set(key, other)
    const forget = (): void => void this.#others.delete(key)
    // One that is lost, or was never there, is looked for again.
    other.then(core => void core.connection.onClosed(forget), forget)
    return other
  }

  async #connectTo(instance: string): Promise<ClientCore> {
    const meta = await this.inquire(clusterMeta)
    const endpoint = (meta[`i${instance}`] as JsonObject | undefined)?.['rpc_endpoint']
    if (typeof endpoint !== 'string') {
      throw new VineyardError('ERR_VINEYARD_CONNECT', `instance ${instance} is not in the cluster`)
    }
    const settings = { ...this.settings, address: `tcp://${endpoint}`, endpoint: parseEndpoint(endpoint) }
    const within = AbortSignal.timeout(reachMs)
    const core = await this.#whileOpen(within, ending => ClientCore.open(settings, ending)).catch(
      (error: unknown) => {
        if (!within.aborted) throw error
        throw new VineyardError(
          'ERR_VINEYARD_TIMEOUT',
          `tcp://${endpoint} let nobody in within ${reachMs} ms`
        )
      }
    )
    const { instanceId } = core.connection.info
    if (String(instanceId) !== instance) {
      // An instance that is started again has another number. The old one stays listed for a while, with the same endpoint.
      await core.close()
      throw new VineyardError(
        'ERR_VINEYARD_CONNECT',
        `instance ${instance} has gone: tcp://${endpoint} is instance ${instanceId} now`
      )
    }
    this.addDependent(core)
    core.connection.onClosed(() => this.removeDependent(core))
    return core
  }

  addDependent(dependent: Dependent): void {
    this.#dependents.add(dependent)
    // One that was being opened while the client was closed.
    if (this.#closing !== undefined) void dependent.close()
  }

  removeDependent(dependent: Dependent): void {
    this.#dependents.delete(dependent)
  }

  /** `work` gets a signal that aborts when `signal` does, or the client is closed before it has ended. */
  async #whileOpen<T>(
    signal: AbortSignal | undefined,
    work: (ending: AbortSignal) => Promise<T>
  ): Promise<T> {
    this.checkOpen()
    throwIfAborted(signal)
    const ending = new AbortController()
    const end = (): void => ending.abort()
    const dependent = { close: async () => end() }
    this.#dependents.add(dependent)
    signal?.addEventListener('abort', end, { once: true })
    try {
      return await work(ending.signal)
    } catch (error) {
      throwIfAborted(signal)
      if (ending.signal.aborted) throw closedError()
      throw error
    } finally {
      signal?.removeEventListener('abort', end)
      this.#dependents.delete(dependent)
    }
  }

  /**
   * Work whose result only its caller will know: if closing the client cut it off, the server would keep for ever what was
   * made. So closing lets it end, unless the server says nothing.
   */
  endsFirst<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    const ended = (): void => void this.#underWay.delete(work)
    work.then(ended, ended)
    return work
  }

  /** Throws ERR_VINEYARD_CLOSED once the client is being closed. */
  checkOpen(): void {
    if (this.#closing !== undefined) throw closedError()
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#dependents].map(dependent => dependent.close()))
    if (this.#underWay.size > 0) await endsSoon(this.#idle())
    this.peers.close()
    this.#side.close()
    this.#turns.close()
    this.connection.close()
  }

  #newSideLine(): SideLine {
    const open = (): Promise<Connection> =>
      this.#whileOpen(undefined, ending => Connection.open(this.settings, ending))
    return new SideLine(open, this.settings.endpoint === undefined ? 0 : idleTcpMs)
  }

  /** What is undone because it was aborted comes after what has been done. */
  async #idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
  }
}

function closedError(): VineyardError {
  return new VineyardError('ERR_VINEYARD_CLOSED', 'the client was closed')
}
