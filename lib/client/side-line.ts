import type { Connection } from './connection.js'

/**
 * A further connection that is opened when it is needed and closed in the turn of the event loop after the one in which it
 * was used last: opening it takes 0.25 ms, and what is asked for one after the other has it once. What it is used for may
 * hang: that ends this connection, and the next request opens another.
 */
export class SideLine {
  readonly #open: () => Promise<Connection>
  #connection: Promise<Connection> | undefined
  #users = 0
  #idle: NodeJS.Immediate | undefined

  constructor(open: () => Promise<Connection>) {
    this.#open = open
  }

  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    clearImmediate(this.#idle)
    this.#users += 1
    try {
      return await work(await (this.#connection ?? this.#connect()))
    } finally {
      this.#users -= 1
      if (this.#users === 0) this.#idle = setImmediate(() => this.close())
    }
  }

  /** Ends what it is being used for. Another use opens it again. */
  close(): void {
    clearImmediate(this.#idle)
    void this.#connection?.then(
      connection => connection.close(),
      () => {}
    )
    this.#connection = undefined
  }

  #connect(): Promise<Connection> {
    const opening = this.#open()
    this.#connection = opening
    const forget = (): void => {
      if (this.#connection === opening) this.#connection = undefined
    }
    opening.then(connection => void connection.onClosed(forget), forget)
    return opening
  }
}
