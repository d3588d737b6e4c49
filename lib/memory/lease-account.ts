import type { Counters } from '../client/counters.js'
import type { LeaseBudget } from './budget.js'

/** What an Error would say of where it was made. */
export interface Origin {
  stack?: string
}

/** Where something is made that leases memory: a reader, a client. */
export function captureOrigin(): Origin {
  const origin: Origin = {}
  Error.captureStackTrace(origin, captureOrigin)
  // Formatted at once: until then V8 keeps the frames with their `this`. An object that opened a reader and keeps a chunk
  // would be held by what waits for that chunk to be collected.
  void origin.stack
  return origin
}

/** Charges the leases of one reader, or of one client, to the budget and to their counters. */
export class LeaseAccount {
  readonly #budget: LeaseBudget
  readonly #counters: Counters
  readonly #origin: Origin | undefined
  #warned = false

  constructor(budget: LeaseBudget, counters: Counters, origin: Origin | undefined) {
    this.#budget = budget
    this.#counters = counters
    this.#origin = origin
  }

  take(bytes: number): void {
    this.#budget.add(bytes)
    this.#counters.leased(bytes)
  }

  /** `collected` by the garbage collector, which is in no hurry: where memory is short, somebody pays for that. */
  giveBack(bytes: number, collected: boolean): void {
    this.#budget.remove(bytes)
    this.#counters.returned(bytes, collected)
    if (collected && this.#budget.short && !this.#warned) this.#warn()
  }

  #warn(): void {
    this.#warned = true
    const [, ...frames] = (this.#origin?.stack ?? '').split('\n')
    const detail =
      frames.length === 0 ? {} : { detail: `They came from what was made here:\n${frames.join('\n')}` }
    process.emitWarning(
      'Chunks are given back by the garbage collector while shared memory is short, so that others are copied or ' +
        'have to wait. Call release(chunk) when you are done with one, or read with { copy: true }.',
      { type: 'VineyardWarning', code: 'VINEYARD_CHUNKS_NOT_RELEASED', ...detail }
    )
  }
}
