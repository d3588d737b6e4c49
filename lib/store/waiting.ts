/**
 * The reply of a request that has to wait. It is settled once: with a reply, with an error, or not at all because its
 * connection ended. The text of the reply is made when it is delivered, in the order of the connection's other replies.
 */
export class Waiting {
  #done = false
  #deliver: ((make: () => string) => void) | undefined
  #early: (() => string) | undefined
  #listeners: (() => void)[] = []

  get done(): boolean {
    return this.#done
  }

  /** `listener` takes the wait out of where it is registered, when it ends, however it ends; at once if it has ended. */
  onEnd(listener: () => void): this {
    if (this.#done) listener()
    else this.#listeners.push(listener)
    return this
  }

  /** `make` composes the reply, or throws the error to reply with. */
  settle(make: () => string): void {
    if (this.#done) return
    this.#end()
    if (this.#deliver) this.#deliver(make)
    else this.#early = make
  }

  fail(error: Error): void {
    this.settle(() => {
      throw error
    })
  }

  /** The connection has ended: nobody waits any more. */
  cancel(): void {
    if (!this.#done) this.#end()
  }

  /** For the connection. `deliver` is called once, at once if the wait is over already. */
  attach(deliver: (make: () => string) => void): void {
    if (this.#early) deliver(this.#early)
    else this.#deliver = deliver
  }

  #end(): void {
    this.#done = true
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener()
  }
}
