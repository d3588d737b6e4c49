/** The part of a store that leased chunks of all its readers may keep. */
const leasedShare = 1 / 4
/** Past this part of a store in use, chunks are copied out: a consumer that never releases must not stall its producer. */
const fullShare = 3 / 4

/** How full a server is, as it last said. */
export interface MemoryReport {
  /** Bytes of live blobs. */
  usage: number
  /** Bytes of the pool. */
  limit: number
  /** Connections that read from streams there; 0 where the server does not tell. */
  readers: number
}

const budgets = new Map<string, LeaseBudget>()

/** How many bytes of one server's memory this thread may keep leased. */
export class LeaseBudget {
  #leased = 0
  #localReaders = 0
  #report: MemoryReport = { usage: 0, limit: 0, readers: 0 }
  #short = false

  /** The budget of the server behind a socket: one in each thread, shared by its clients. */
  static of(socket: string): LeaseBudget {
    let budget = budgets.get(socket)
    if (budget === undefined) {
      budget = new LeaseBudget()
      budgets.set(socket, budget)
    }
    return budget
  }

  get leasedBytes(): number {
    return this.#leased
  }

  addReader(): void {
    this.#localReaders += 1
  }

  removeReader(): void {
    this.#localReaders -= 1
  }

  observe(report: MemoryReport): void {
    this.#report = report
  }

  /** Whether a chunk may be leased; otherwise it is to be copied. False until the server has said how large it is. */
  admits(bytes: number): boolean {
    const { usage, limit, readers } = this.#report
    const admitted =
      usage <= limit * fullShare &&
      this.#leased + bytes <= (limit * leasedShare) / Math.max(1, readers, this.#localReaders)
    this.#short = !admitted && limit > 0
    return admitted
  }

  /** Whether the last chunk that asked was not admitted: leases keep memory that others could use. */
  get short(): boolean {
    return this.#short
  }

  add(bytes: number): void {
    this.#leased += bytes
  }

  remove(bytes: number): void {
    this.#leased -= bytes
  }
}
