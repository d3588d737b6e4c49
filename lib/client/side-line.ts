import type { Connection } from './connection.js'

/** Opening one takes 0.25 ms, and over TCP a new one is slow at first: putting blobs between uses took a third longer. */
const usualIdleMs = 1000

/**
 * A further connection that is opened when it is needed, and closed when it has not been used for a second (`idleMs`). What it is used
 * for may hang: that ends this connection, and the next request opens another.
 */
export class SideLine {
  readonly #open: () => Promise<Connection>
  readonly #idleMs: number
  #connection: Promise<Connection> | undefined
  #users = 0
  #idle: NodeJS.Timeout | undefined

  constructor(open: () => Promise<Connection>, idleMs = usualIdleMs) {
    this.#open = open
    this.#idleMs = idleMs
  }

  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    clearTimeout(this.#idle)
    this.#users += 1
    try {
      return await work(await (this.#connection ?? this.#connect()))
    } finally {
      this.#users -= 1
      if (this.#users === 0) this.#idle = setTimeout(() => this.close(), this.#idleMs).unref()
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
