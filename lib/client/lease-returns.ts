import { objectIdToBigInt, type ObjectId } from '../protocol/ids.js'
import type { Connection } from './connection.js'

/**
 * Gives leases back in batches, one message a turn of the event loop: blob counts on the store, NodeLease objects on a
 * vineyardd.
 */
export class LeaseReturns {
  readonly #connection: Connection
  #waiting: ObjectId[] = []
  #leases = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Counts a lease that will come back through `giveBack`. */
  take(): void {
    this.#connection.addLeases(1)
  }

  /** One lease and the ids that stand for it. */
  giveBack(ids: readonly ObjectId[]): void {
    this.#leases += 1
    this.#waiting.push(...ids)
    if (this.#leases === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const ids = this.#waiting
    const leases = this.#leases
    this.#waiting = []
    this.#leases = 0
    if (this.#connection.extended) {
      this.#connection.returnLeases(leases, { type: 'release_leases', ids })
      return
    }
    this.#connection.returnLeases(
      leases,
      {
        type: 'del_data_request',
        id: ids.map(objectIdToBigInt),
        force: false,
        deep: true,
        memory_trim: false,
        fastpath: false
      },
      'del_data_reply'
    )
  }
}
