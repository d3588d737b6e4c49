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

  /** Called before a message of its own is sent: another message may take the ids along. */
  onFlush: () => void = () => {}

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

  /** What waits to be given back, for a message that the caller sends now. Only on a connection with the extension. */
  takeWaiting(): readonly ObjectId[] {
    const ids = this.#waiting
    if (this.#leases === 0) return ids
    this.#connection.addLeases(-this.#leases)
    this.#waiting = []
    this.#leases = 0
    return ids
  }

  #flush(): void {
    if (this.#leases > 0) this.onFlush()
    const ids = this.#waiting
    const leases = this.#leases
    if (leases === 0) return
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
