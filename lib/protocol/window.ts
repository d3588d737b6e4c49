/**
 * How much a writer may push ahead of the consumer. A chunk is consumed when its reader asks for the one after it, or ends;
 * `release(chunk)` alone does not open the window.
 */
export interface WindowLimits {
  /** Chunks pushed and not consumed. */
  chunks: number
  /** Bytes of shared memory in them. A larger chunk is pushed when nothing else is outstanding. */
  bytes: number
}

/** The same as the store is told: whole numbers, which JSON has. */
export function wireLimits({ chunks, bytes }: WindowLimits): WindowLimits {
  return { chunks: whole(chunks), bytes: whole(bytes) }
}

/**
 * Whether so much of a window is outstanding that the store tells of everything that is consumed. Below that it costs the
 * writer's process a wake-up for nothing, and a writer that must know all the same asks (`demand_room`).
 */
export function isFilling(limits: WindowLimits, chunks: number, bytes: number): boolean {
  return chunks * 2 >= limits.chunks || bytes * 2 >= limits.bytes
}

function whole(limit: number): number {
  return Math.min(Math.floor(limit), Number.MAX_SAFE_INTEGER)
}
