import { RequestError } from './request-error.js'
import type { Waiting } from './waiting.js'

/** Cancellations for requests that have not come are remembered up to this many; what comes beyond is hostile. */
const maxEarly = 1024

/**
 * The waits of one connection that its client can recall. Requests are handled in the order of their tickets, but a
 * cancellation overtakes those that stand behind one that waits.
 */
export class Cancellable {
  #ticket = 0
  #waiting: Waiting | undefined
  readonly #early = new Set<number>()

  /** A request's turn has come. Throws if it was cancelled before. */
  begin(ticket: number, waiting: Waiting): void {
    this.#ticket = ticket
    for (const early of this.#early) if (early < ticket) this.#early.delete(early)
    if (this.#early.delete(ticket)) throw RequestError.cancelled()
    this.#waiting = waiting.onEnd(() => (this.#waiting = undefined))
  }

  /** Ends the wait with this ticket, now or when its turn comes. */
  cancel(ticket: number): void {
    if (ticket === this.#ticket) this.#waiting?.fail(RequestError.cancelled())
    else if (ticket > this.#ticket && this.#early.size < maxEarly) this.#early.add(ticket)
  }
}
