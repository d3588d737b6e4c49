/** How often the other ends of streams are looked at. */
const periodMs = 1000

/** What all looks of one period have in common. */
export class Round {
  readonly #answers = new Map<string, Promise<unknown>>()

  /** What `ask` answers, which is asked for once, however many looks want it. */
  once<T>(what: string, ask: () => Promise<T>): Promise<T> {
    let answer = this.#answers.get(what) as Promise<T> | undefined
    if (answer === undefined) this.#answers.set(what, (answer = ask()))
    return answer
  }
}

/** Something that is looked at once a period, for as long as it is watched. Never rejects. */
export type Look = (round: Round) => Promise<void>

/**
 * The one timer of a client that looks after what a vineyardd does not: whether the other ends of its streams live. It
 * keeps nothing alive, and runs only while there is something to look at.
 */
export class PeerWatch {
  readonly #looks = new Set<Look>()
  #timer: NodeJS.Timeout | undefined
  #looking = false

  /** Calls `look` once a period until the returned function is called. */
  add(look: Look): () => void {
    this.#looks.add(look)
    this.#timer ??= setInterval(() => void this.#lookAtAll(), periodMs).unref()
    return () => this.#remove(look)
  }

  close(): void {
    for (const look of [...this.#looks]) this.#remove(look)
  }

  #remove(look: Look): void {
    this.#looks.delete(look)
    if (this.#looks.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** A server that answers late is not asked again before it has. */
  async #lookAtAll(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    const round = new Round()
    await Promise.all([...this.#looks].map(look => look(round)))
    this.#looking = false
  }
}
