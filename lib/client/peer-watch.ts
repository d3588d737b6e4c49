/** How often the other ends of streams are looked at. */
const periodMs = 1000

/** Something that is looked at once a period, for as long as it is watched. Never rejects. */
export type Look = () => Promise<void>

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
    await Promise.all([...this.#looks].map(look => look()))
    this.#looking = false
  }
}
