import type { VineyardError } from '../errors.js'
import type { JsonObject } from '../protocol/json.js'

/** A request that has been sent, or will be in its turn, and has not been answered. */
export interface Pending {
  readonly replyType: string
  /** A request that may wait for somebody else is not subject to the connection's timeout. */
  waits: boolean
  /** It was sent ahead of need: whoever comes to wait for it keeps the process alive himself. */
  readonly ahead?: boolean
  /** It gives leases back: the connection stays open until it has been answered. */
  readonly returns: boolean
  /** Over TCP: bytes of blobs go with the reply, in one direction or the other. Called before the next frame is read. */
  readonly transfer?: ((reply: JsonObject) => void) | undefined
  resolve(reply: JsonObject): void
  reject(error: Error): void
}

/**
 * The requests of a connection, in the order in which the server answers them. Only the oldest is timed, from when it
 * became the oldest: the server answers one after the other.
 */
export class RequestLine {
  readonly #pending: Pending[] = []
  readonly #onSilence: (head: Pending, timeout: number) => void
  #timeout: number
  #headSince = 0
  /** How many were sent ahead of need. */
  #ahead = 0
  #timer: NodeJS.Timeout | undefined
  #paused = false
  #ended = false

  /** `onSilence` is told when the oldest has waited for `timeout` ms; 0 is for ever. */
  constructor(timeout: number, onSilence: (head: Pending, timeout: number) => void) {
    this.#timeout = timeout
    this.#onSilence = onSilence
  }

  /** ms */
  get timeout(): number {
    return this.#timeout
  }

  /** When a request was answered last, or came while none waited, as `performance.now()` tells it. */
  get headSince(): number {
    return this.#headSince
  }

  get empty(): boolean {
    return this.#pending.length === 0
  }

  get length(): number {
    return this.#pending.length
  }

  /** Whether somebody waits for any of them, as far as is known here. */
  get awaited(): boolean {
    return this.#pending.length > this.#ahead
  }

  /** Whether any of them gives leases back. */
  get returns(): boolean {
    return this.#pending.some(({ returns }) => returns)
  }

  push(pending: Pending): void {
    this.#pending.push(pending)
    if (pending.ahead) this.#ahead += 1
    if (this.#pending.length === 1) this.headChanged()
  }

  /** The next reply is for this one. */
  pushFirst(pending: Pending): void {
    this.#pending.unshift(pending)
    this.headChanged()
  }

  /** The one that a reply is for. */
  shift(): Pending | undefined {
    const pending = this.#pending.shift()
    if (pending?.ahead === true) this.#ahead -= 1
    this.headChanged()
    return pending
  }

  /** The time of the oldest begins now. */
  headChanged(): void {
    this.#headSince = performance.now()
    if (this.#timeout > 0 && this.#timer === undefined && this.#pending.length > 0) this.#arm(this.#timeout)
  }

  /** While something else is timed, nothing is here. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.headChanged()
  }

  /** The oldest has so many ms from now at most, unless it has fewer. */
  hurry(ms: number): void {
    if (this.#timeout !== 0 && this.#timeout <= ms) return
    this.#timeout = ms
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.headChanged()
  }

  /** Rejects all that give nothing back. They stay in line: the replies to those behind them are still to be told apart. */
  refuse(error: VineyardError): void {
    for (const pending of this.#pending) if (!pending.returns) pending.reject(error)
  }

  /** Rejects all of them, and times none any more. */
  end(error: VineyardError): void {
    this.#ended = true
    clearTimeout(this.#timer)
    for (const pending of this.#pending.splice(0)) pending.reject(error)
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const head = this.#pending[0]
      if (head === undefined || this.#ended) return
      const untimed = head.waits || this.#paused
      const left = untimed ? this.#timeout : this.#headSince + this.#timeout - performance.now()
      if (left > 0) this.#arm(left)
      else this.#onSilence(head, this.#timeout)
    }, ms)
    this.#timer.unref()
  }
}
