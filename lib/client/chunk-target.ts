/** Memory that a chunk is written to. Offsets count from its start. */
export interface ChunkTarget {
  /** Copies bytes to byte `at`. */
  put(at: number, bytes: Uint8Array): void
  /** Runs `fill` on `size` bytes from byte `at` on; they must not be kept. */
  fill(at: number, size: number, fill: (target: Uint8Array) => void): void
}
