import type { Peer } from './peer.js'
import type { Stream } from './streams/stream.js'
import type { Waiting } from './waiting.js'

/** How long nothing may move before those behind the first are looked at, in ms. */
const stall = 50

/** A request that waits for memory. */
export interface MemoryRequest {
  readonly peer: Peer
  readonly waiting: Waiting
  /** The stream it writes to, where the request says so. */
  readonly stream: Stream | undefined
  /** Takes the memory and settles the wait, if there is enough now. */
  attempt(): boolean
}

/**
 * Requests that wait for memory, served in the order they came whenever some has been freed, so that a large one is not
 * overtaken for ever by small ones. When nothing moves for a while whoever fits may go: a transform that holds a chunk of
 * the first one's stream could otherwise never write, and neither would ever go on.
 */
export class MemoryQueue {
  readonly #requests = new Set<MemoryRequest>()
  #pumpScheduled = false
  #stallTimer: NodeJS.Timeout | undefined
  /** What a failing attempt frees is only what it had taken itself; after one that succeeds the next is tried anyway. */
  #attempting = false
  /** Frees something, if it can be given up for the request. False where nothing can. */
  relieve: (request: MemoryRequest) => boolean = () => false

  /** Called when a request has to wait. */
  onWait: () => void = () => {}

  get length(): number {
    return this.#requests.size
  }

  /** Serves the request now if nobody is before it, and lines it up otherwise. */
  add(request: MemoryRequest): void {
    if (this.#requests.size === 0 && this.#attempt(request)) return
    this.#requests.add(request)
    request.waiting.onEnd(() => this.#remove(request))
    this.#watch()
    this.onWait()
  }

  /** Some memory has been freed. The waiting requests are looked at when what is going on has finished. */
  freed(): void {
    if (this.#requests.size === 0 || this.#pumpScheduled || this.#attempting) return
    this.#pumpScheduled = true
    queueMicrotask(() => {
      this.#pumpScheduled = false
      this.#pump()
    })
  }

  /** Ends the waits that `stream` was waited for: its reader is gone, so it needs no memory any more. */
  failWritersOf(stream: Stream, error: Error): void {
    for (const request of [...this.#requests]) {
      const concerned = request.stream ? request.stream === stream : request.peer.writing.has(stream)
      if (concerned) request.waiting.fail(error)
    }
  }

  failAll(error: Error): void {
    for (const request of [...this.#requests]) request.waiting.fail(error)
  }

  #attempt(request: MemoryRequest): boolean {
    this.#attempting = true
    try {
      do {
        if (request.attempt()) return true
      } while (this.relieve(request))
      return false
    } finally {
      this.#attempting = false
    }
  }

  #remove(request: MemoryRequest): void {
    if (!this.#requests.delete(request)) return
    if (this.#requests.size === 0) clearTimeout(this.#stallTimer)
    // The one behind may fit where the one that gave up did not.
    this.freed()
  }

  #pump(): void {
    for (const request of this.#requests) {
      if (!this.#attempt(request)) break
    }
    this.#watch()
  }

  #watch(): void {
    clearTimeout(this.#stallTimer)
    if (this.#requests.size === 0) return
    this.#stallTimer = setTimeout(() => this.#overtake(), stall)
    this.#stallTimer.unref()
  }

  #overtake(): void {
    for (const request of this.#requests) {
      if (!this.#attempt(request)) continue
      this.freed()
      break
    }
    this.#watch()
  }
}
