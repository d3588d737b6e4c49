import {
  chunkCopied,
  chunkRead,
  chunkReleased,
  chunkWritten,
  errorChannel,
  waitTracing,
  type WaitMessage
} from '../diagnostics/channels.js'
import { traced } from '../diagnostics/trace.js'
import type { VineyardError } from '../errors.js'
import type { ObjectId } from '../protocol/ids.js'

/** Plain numbers since the client connected, or since a stream object was made. Sizes are bytes, times milliseconds. */
export interface StreamStats {
  /** Chunks that readers have handed out. */
  chunksRead: number
  /** Chunks that writers have sent. */
  chunksWritten: number
  /** Chunks that were copied out of shared memory, because the budget was used up or `copy` was asked for. */
  chunksCopied: number
  /** Leased chunks that the garbage collector gave back, instead of `release`. */
  chunksCollected: number
  /** Bytes of shared memory in the chunks read. */
  bytesRead: number
  /** Bytes of shared memory in the chunks written. */
  bytesWritten: number
  /** Chunks that readers were too slow for, of streams with the policy 'drop'. */
  chunksMissed: number
  /** How often a writer waited for its window. */
  waits: number
  /** For how long. */
  waitMs: number
  /** How long writers waited for memory. On the store this includes the time of the requests that asked for it. */
  memoryWaitMs: number
  /** How often a reader waited for a chunk to come. */
  readWaits: number
  /** For how long. */
  readWaitMs: number
  /** Bytes of the server's memory that are kept leased now. */
  leasedBytes: number
  /** The most that were leased at a time so far. */
  leasedBytesHighWater: number
}

/** Counts what readers and writers do, for a stream object and for its client at once, and tells those who watch. */
export class Counters {
  readonly #stream: ObjectId | undefined
  readonly #own: StreamStats = {
    chunksRead: 0,
    chunksWritten: 0,
    chunksCopied: 0,
    chunksCollected: 0,
    chunksMissed: 0,
    bytesRead: 0,
    bytesWritten: 0,
    waits: 0,
    waitMs: 0,
    memoryWaitMs: 0,
    readWaits: 0,
    readWaitMs: 0,
    leasedBytes: 0,
    leasedBytesHighWater: 0
  }

  /** These numbers, and those they are part of. */
  readonly #all: readonly StreamStats[]

  constructor(parent?: Counters, stream?: ObjectId) {
    this.#all = parent === undefined ? [this.#own] : [this.#own, ...parent.#all]
    this.#stream = stream
  }

  /** A copy of the numbers. */
  snapshot(): StreamStats {
    return { ...this.#own }
  }

  wrote(bytes: number): void {
    if (chunkWritten.hasSubscribers) chunkWritten.publish({ stream: this.#stream, bytes })
    for (const stats of this.#all) {
      stats.chunksWritten += 1
      stats.bytesWritten += bytes
    }
  }

  read(bytes: number, copied: boolean): void {
    if (chunkRead.hasSubscribers) chunkRead.publish({ stream: this.#stream, bytes })
    if (copied && chunkCopied.hasSubscribers) chunkCopied.publish({ stream: this.#stream, bytes })
    for (const stats of this.#all) {
      stats.chunksRead += 1
      stats.bytesRead += bytes
      if (copied) stats.chunksCopied += 1
    }
  }

  missed(chunks: number): void {
    for (const stats of this.#all) stats.chunksMissed += chunks
  }

  leased(bytes: number): void {
    for (const stats of this.#all) {
      stats.leasedBytes += bytes
      stats.leasedBytesHighWater = Math.max(stats.leasedBytesHighWater, stats.leasedBytes)
    }
  }

  returned(bytes: number, collected: boolean): void {
    if (chunkReleased.hasSubscribers) chunkReleased.publish({ stream: this.#stream, bytes, collected })
    for (const stats of this.#all) {
      stats.leasedBytes -= bytes
      if (collected) stats.chunksCollected += 1
    }
  }

  /** Awaits what somebody else delays, and counts how long it took. */
  async wait<T>(reason: WaitMessage['for'], work: () => Promise<T>): Promise<T> {
    const started = performance.now()
    try {
      if (!waitTracing.hasSubscribers) return await work()
      return await traced(waitTracing, work, { for: reason, stream: this.#stream })
    } finally {
      const ms = performance.now() - started
      for (const stats of this.#all) {
        if (reason === 'memory') stats.memoryWaitMs += ms
        else if (reason === 'window') {
          stats.waits += 1
          stats.waitMs += ms
        } else {
          stats.readWaits += 1
          stats.readWaitMs += ms
        }
      }
    }
  }

  /** The stream of these counters failed. */
  failed(error: VineyardError, end: 'reader' | 'writer'): void {
    if (errorChannel.hasSubscribers)
      errorChannel.publish({ error, stream: this.#stream, end, address: undefined })
  }
}

/** The sum of several; of high-water marks too, which need not have been reached at the same time. */
export function sumOfStats(all: readonly StreamStats[]): StreamStats {
  const sum = new Counters().snapshot()
  for (const stats of all) for (const key of Object.keys(sum) as (keyof StreamStats)[]) sum[key] += stats[key]
  return sum
}
