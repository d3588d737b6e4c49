/** Plain numbers since the client connected, or since a stream object was made. */
export interface StreamStats {
  chunksRead: number
  chunksWritten: number
  /** Chunks that were copied out of shared memory, because the budget was used up or `copy` was asked for. */
  chunksCopied: number
  bytesRead: number
  bytesWritten: number
  /** How often a writer waited for its window. */
  waits: number
}

/** Counts what readers and writers do, for a stream object and for its client at once. */
export class Counters {
  readonly #parent: Counters | undefined
  readonly #stats: StreamStats = {
    chunksRead: 0,
    chunksWritten: 0,
    chunksCopied: 0,
    bytesRead: 0,
    bytesWritten: 0,
    waits: 0
  }

  constructor(parent?: Counters) {
    this.#parent = parent
  }

  /** A copy of the numbers. */
  snapshot(): StreamStats {
    return { ...this.#stats }
  }

  wrote(bytes: number): void {
    this.#stats.chunksWritten += 1
    this.#stats.bytesWritten += bytes
    this.#parent?.wrote(bytes)
  }

  read(bytes: number, copied: boolean): void {
    this.#stats.chunksRead += 1
    this.#stats.bytesRead += bytes
    if (copied) this.#stats.chunksCopied += 1
    this.#parent?.read(bytes, copied)
  }

  waited(): void {
    this.#stats.waits += 1
    this.#parent?.waited()
  }
}
