/** One value of a stream. A pushed object may hold several (a Table's batches). */
export interface Chunk<Out> {
  value: Out
  /** Bytes of shared memory it was made from. */
  bytes: number
  /** Whether it looks at shared memory; otherwise it was copied. */
  leased: boolean
}

/** What a Readable reads from: one reader, or several merged. */
export interface ChunkSource<Out> {
  /** @internal The next value with its size, or undefined at the end. */
  nextChunk(): Promise<Chunk<Out> | undefined>
  /** @internal The next value if it is here already; undefined says nothing about what is to come. */
  tryNextChunk?(): Chunk<Out> | undefined
  close(): Promise<void>
}

/** What a Writable writes to: one writer, or several that share the values. */
export interface ChunkSink<In> {
  /** @internal Resolves when the value is on its way: held while the window is full or there is no memory. */
  write(value: In): Promise<void>
  /**
   * @internal Writes the value if that can be done at once. False, and nothing has happened, if not. Throws as `write`
   * rejects.
   */
  tryWrite?(value: In): boolean
  finish(): Promise<void>
  close(): Promise<void>
  /** @internal Told once when it fails from outside, even while nothing is being appended. */
  onFailed(listener: (error: Error) => void): void
}
