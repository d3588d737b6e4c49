import type { Connection } from './connection.js'

/** Share of the connections that may come over the network: strangers there must not lock this machine's clients out. */
const remoteShare = 3 / 4

/** The connections of a store, and which of them have to go where there are too many, or where they hold too much. */
export class Connections {
  readonly #max: number
  readonly #maxRemote: number
  readonly #maxHeld: number
  /** In the order they came. */
  readonly #all = new Set<Connection>()
  /** Those that hold notable memory of this process, with how much. */
  readonly #holding = new Map<Connection, number>()
  #remote = 0
  #held = 0

  constructor(max: number, maxHeld: number) {
    this.#max = max
    this.#maxRemote = Math.max(1, Math.floor(max * remoteShare))
    this.#maxHeld = maxHeld
  }

  get counts(): { ipc: number; rpc: number } {
    return { ipc: this.#all.size - this.#remote, rpc: this.#remote }
  }

  all(): Connection[] {
    return [...this.#all]
  }

  add(connection: Connection): void {
    this.#all.add(connection)
    if (connection.remote) this.#remote += 1
  }

  delete(connection: Connection): void {
    if (!this.#all.delete(connection)) return
    if (connection.remote) this.#remote -= 1
    this.holds(connection, 0)
  }

  /**
   * Whether there is room for one more. Where there is none the oldest that has not registered makes room: whoever means
   * well registers at once.
   */
  makeRoom(remote: boolean): boolean {
    if (remote && this.#remote >= this.#maxRemote) return this.#sendAway(one => one.remote)
    if (this.#all.size >= this.#max) return this.#sendAway(() => true)
    return true
  }

  /** `connection` holds so many bytes now. Where that is too much in sum, the one that holds most is closed. */
  holds(connection: Connection, bytes: number): void {
    this.#held += bytes - (this.#holding.get(connection) ?? 0)
    if (bytes === 0) this.#holding.delete(connection)
    else this.#holding.set(connection, bytes)
    if (this.#held <= this.#maxHeld) return
    const [most] = [...this.#holding].sort(([, a], [, b]) => b - a)
    most?.[0].close()
  }

  #sendAway(concerned: (connection: Connection) => boolean): boolean {
    for (const connection of this.#all) {
      if (connection.peer.registered || !concerned(connection)) continue
      connection.close()
      return true
    }
    return false
  }
}
