import type { Peer } from './peer.js'
import type { Stream } from './streams/stream.js'
import type { Waiting } from './waiting.js'

/** How long nothing may come free for the first before the others are let go, in ms, and how long at most. */
const shortestGap = 50
const longestGap = 2000
/** They are let go for so many times that long; then nobody is, until nothing comes free, or for `longestHold` ms. */
const openGaps = 9
const longestHold = 3000
/** Share of the store that may be taken at any time by others than the first, for as long as it waits. */
const passingShare = 1 / 16

/** A request that waits for memory. */
export interface MemoryRequest {
  readonly peer: Peer
  readonly waiting: Waiting
  /** The memory that it wants, in bytes. */
  readonly bytes: number
  /** What of it has to be in one piece: all of it, where the request does not say. */
  readonly stretch?: number
  /** What it leaves free besides. */
  readonly spare?: number
  /** The stream it writes to, where the request says so. */
  readonly stream: Stream | undefined
  /** It is not a writer's, cannot wait long, and does not stand behind those that can. */
  readonly urgent?: boolean
  /** Takes the memory and settles the wait, if there is enough now. */
  attempt(): boolean
}

/** What the queue has to know of the memory. */
export interface MemoryFacts {
  /** Bytes there are. */
  readonly limit: number
  /** Bytes in use. */
  readonly usage: number
  /** Bytes in use that were taken since `beginEpoch`. */
  readonly young: number
  beginEpoch(): void
}

/**
 * Requests that wait for memory. What comes free is offered to the first, so that a large one is not overtaken for ever by
 * small ones, but others are not to suffer from one that perhaps can never go on:
 *
 * - at any time they may take a little of the memory (`fair`): streams of small chunks go on as if nobody waited;
 * - when nothing of what was taken before the first began to wait has come free for a while, everybody who fits may go
 *   (`open`): a transform that holds a chunk of the first one's stream could otherwise never write, and neither go on;
 * - from time to time nobody may (`strict`), until nothing comes free any more: if the first fits at all, it does then.
 *
 * The longer the first waits, the longer the second and the third take.
 */
export class MemoryQueue {
  readonly #requests = new Set<MemoryRequest>()
  readonly #facts: MemoryFacts
  #phase: 'fair' | 'open' | 'strict' = 'fair'
  #gap = shortestGap
  /** When `strict` ends whatever comes free. */
  #holdEnds = 0
  /** The least that was in use, of what was taken before the first began to wait. */
  #old = Infinity
  #timer: NodeJS.Timeout | undefined
  #pumpScheduled = false
  /** Something came free since the requests were looked at. */
  #freed = false
  /** What a failing attempt frees is only what it had taken itself; after one that succeeds the next is tried anyway. */
  #attempting = false
  /** Whether all that can be given up for a request would make room for it: nothing is given up in vain. */
  helps: (request: MemoryRequest) => boolean = () => false
  /** Frees something, if it can be given up for the request. False where nothing can. */
  relieve: (request: MemoryRequest) => boolean = () => false

  /** Called when a request has to wait. */
  onWait: () => void = () => {}

  constructor(facts: MemoryFacts) {
    this.#facts = facts
  }

  get length(): number {
    return this.#requests.size
  }

  /** Whether the first has waited for a while and nothing came free for it. */
  get stalled(): boolean {
    return this.#requests.size > 0 && this.#phase !== 'fair'
  }

  /** Whether somebody who does not stand in line may take so many bytes now. */
  admits(bytes: number): boolean {
    if (this.#requests.size === 0 || this.#phase === 'open') return true
    return this.#phase === 'fair' && this.#facts.young + bytes <= this.#facts.limit * passingShare
  }

  /** Serves the request now if that does not harm those before it, and lines it up otherwise. */
  add(request: MemoryRequest): void {
    if (this.admits(request.bytes) && this.#attempt(request)) return
    this.#requests.add(request)
    if (this.#requests.size === 1) this.#begin()
    request.waiting.onEnd(() => this.#remove(request))
    this.onWait()
  }

  /** Some memory has been freed. The waiting requests are looked at when what is going on has finished. */
  freed(): void {
    if (this.#requests.size === 0 || this.#attempting) return
    this.#freed = true
    this.reconsider()
  }

  /** What could not be given up for a request before may help now. */
  reconsider(): void {
    if (this.#requests.size === 0 || this.#pumpScheduled || this.#attempting) return
    this.#pumpScheduled = true
    queueMicrotask(() => {
      this.#pumpScheduled = false
      const freed = this.#freed
      this.#freed = false
      this.#pump()
      if (freed) this.#progress()
    })
  }

  /** Ends the waits that `stream` was waited for: its reader is gone, so it needs no memory any more. */
  failWritersOf(stream: Stream, error: Error): void {
    for (const request of [...this.#requests]) {
      const concerned = request.stream ? request.stream === stream : request.peer.writing.has(stream)
      if (concerned && !request.urgent) request.waiting.fail(error)
    }
  }

  failAll(error: Error): void {
    for (const request of [...this.#requests]) request.waiting.fail(error)
  }

  #attempt(request: MemoryRequest): boolean {
    this.#attempting = true
    try {
      if (request.attempt()) return true
      if (!this.helps(request)) return false
      while (this.relieve(request)) if (request.attempt()) return true
      return false
    } finally {
      this.#attempting = false
    }
  }

  #remove(request: MemoryRequest): void {
    const [first] = this.#requests
    if (!this.#requests.delete(request)) return
    if (request === first) this.#begin()
    // The one behind may fit where the one that gave up did not.
    this.freed()
  }

  #pump(): void {
    let first = true
    for (const request of this.#requests) {
      if (!first && !request.urgent && !this.admits(request.bytes)) continue
      if (!this.#attempt(request)) first = false
    }
  }

  /** Another request is the first, or none. */
  #begin(): void {
    clearTimeout(this.#timer)
    this.#gap = shortestGap
    this.#old = Infinity
    this.#facts.beginEpoch()
    if (this.#requests.size > 0) this.#enter('fair')
  }

  #enter(phase: 'fair' | 'open' | 'strict'): void {
    this.#phase = phase
    this.#wait(phase === 'open' ? openGaps * this.#gap : this.#gap)
  }

  #wait(time: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#timeOut(), time)
    this.#timer.unref()
  }

  /** Something came free: as long as that goes on, whoever is first may get what it wants. */
  #progress(): void {
    if (this.#requests.size === 0) return
    const old = this.#facts.usage - this.#facts.young
    const forFirst = old < this.#old
    this.#old = Math.min(this.#old, old)
    if (this.#phase === 'strict')
      this.#wait(Math.max(0, Math.min(this.#gap, this.#holdEnds - performance.now())))
    else if (this.#phase === 'fair' && forFirst) this.#wait(this.#gap)
  }

  #timeOut(): void {
    if (this.#phase === 'open') {
      this.#gap = Math.min(2 * this.#gap, longestGap)
      this.#holdEnds = performance.now() + longestHold
      this.#enter('strict')
    } else {
      this.#enter('open')
      this.#pump()
    }
  }
}
