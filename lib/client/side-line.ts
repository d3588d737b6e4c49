import type { Connection } from './connection.js'

/**
 * A further connection that is opened when it is needed, and closed when it has not been used for `idleMs`, 0 for the turn of
 * the event loop after: what is asked for one after the other has it once. What it is used for may hang: that ends this
 * connection, and the next request opens another.
 */
export class SideLine {
  readonly #open: () => Promise<Connection>
  readonly #idleMs: number
  #connection: Promise<Connection> | undefined
  #users = 0
  #stayOpen = (): void => {}

  constructor(open: () => Promise<Connection>, idleMs: number) {
    this.#open = open
    this.#idleMs = idleMs
  }

  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    this.#stayOpen()
    this.#users += 1
    try {
      return await work(await (this.#connection ?? this.#connect()))
    } finally {
      this.#users -= 1
      if (this.#users === 0) this.#closeWhenIdle()
    }
  }

  /** Ends what it is being used for. Another use opens it again. */
  close(): void {
    this.#stayOpen()
    void this.#connection?.then(
      connection => connection.close(),
      () => {}
    )
    this.#connection = undefined
  }

  #closeWhenIdle(): void {
    if (this.#idleMs === 0) {
      const turn = setImmediate(() => this.close())
      this.#stayOpen = () => clearImmediate(turn)
    } else {
      const timer = setTimeout(() => this.close(), this.#idleMs).unref()
      this.#stayOpen = () => clearTimeout(timer)
    }
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
