import type { Connection } from './connection.js'

/** An idle connection is kept for so many ms: opening one was measured to take half as long as what it is used for. */
const lingerMs = 1000

/**
 * A further connection that is opened when it is needed and closed when it has not been used for a while. What it is used
 * for may hang: that ends this connection, and the next request opens another.
 */
export class SideLine {
  readonly #open: () => Promise<Connection>
  #connection: Promise<Connection> | undefined
  #users = 0
  #idle: NodeJS.Timeout | undefined

  constructor(open: () => Promise<Connection>) {
    this.#open = open
  }

  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    clearTimeout(this.#idle)
    this.#users += 1
    try {
      return await work(await (this.#connection ?? this.#connect()))
    } finally {
      this.#users -= 1
      if (this.#users === 0) this.#idle = setTimeout(() => this.close(), lingerMs).unref()
    }
  }

  /** Ends what it is being used for. Another use opens it again. */
  close(): void {
    clearTimeout(this.#idle)
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
