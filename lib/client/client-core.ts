import { VineyardError } from '../errors.js'
import { LeaseBudget } from '../memory/budget.js'
import { Connection } from './connection.js'
import { Counters } from './counters.js'
import { LeaseReturns } from './lease-returns.js'
import { ObjectReader } from './object-reader.js'
import type { ConnectionSettings } from './settings.js'

/** What a client closes before itself: readers and writers. */
export interface Dependent {
  close(): Promise<void>
}

/** The inside of a Client that streams, readers and writers share with it. */
export class ClientCore {
  readonly settings: ConnectionSettings
  /** Never used for a request that waits for somebody else: it must always be able to stop a stream. */
  readonly connection: Connection
  readonly returns: LeaseReturns
  readonly budget: LeaseBudget
  readonly reader: ObjectReader
  readonly counters = new Counters()
  readonly #dependents = new Set<Dependent>()
  #closing: Promise<void> | undefined

  private constructor(settings: ConnectionSettings, connection: Connection) {
    this.settings = settings
    this.connection = connection
    this.returns = new LeaseReturns(connection)
    this.budget = LeaseBudget.of(settings.socket)
    this.reader = new ObjectReader(connection, this.returns, this.budget)
  }

  static async open(settings: ConnectionSettings, signal?: AbortSignal): Promise<ClientCore> {
    return new ClientCore(settings, await Connection.open(settings, signal))
  }

  /** A further connection, for somebody who waits. */
  async connect(signal?: AbortSignal): Promise<Connection> {
    if (this.#closing !== undefined) throw new VineyardError('ERR_VINEYARD_CLOSED', 'the client was closed')
    return Connection.open(this.settings, signal)
  }

  addDependent(dependent: Dependent): void {
    this.#dependents.add(dependent)
  }

  removeDependent(dependent: Dependent): void {
    this.#dependents.delete(dependent)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#dependents].map(dependent => dependent.close()))
    this.connection.close()
  }
}
