import { patienceMs } from '../client/patience.js'

/** The opening of an end whose Node stream may be destroyed meanwhile. */
export class Opening {
  readonly #ending = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #begun = false
  #settled = false

  /** Whether the end was opened, or is being opened, or could not be. */
  get begun(): boolean {
    return this.#begun
  }

  /** For `_construct`: hands on what `open` opens, then calls back. */
  begin<End>(
    stream: { readonly destroyed: boolean },
    open: (signal: AbortSignal) => Promise<End>,
    opened: (end: End) => void,
    callback: (error?: Error | null) => void
  ): void {
    this.#begun = true
    open(this.#ending.signal)
      .finally(() => this.settled())
      .then(
        end => {
          opened(end)
          callback()
        },
        // Who has destroyed the stream has said why it ends.
        (error: unknown) => callback(stream.destroyed ? null : (error as Error))
      )
  }

  /**
   * The stream was destroyed. The end is opened all the same, because by closing it the other one learns that nothing will
   * come; but a server that says nothing is not waited for.
   */
  destroyed(): void {
    if (!this.#settled) this.#timer ??= setTimeout(() => this.#ending.abort(), patienceMs)
  }

  settled(): void {
    this.#settled = true
    clearTimeout(this.#timer)
  }
}
