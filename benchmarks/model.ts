import type { RecordBatch } from 'apache-arrow'

/** What goes through a stream in one measurement. Plain values: it travels to the processes. */
export interface Work {
  /** Record batches, or chunks of bytes. */
  chunks: 'batches' | 'bytes'
  /** Rows of a batch, or bytes of a chunk. */
  size: number
  /** int64, float64 and bool; or strings and nulls beside them. Only for batches. */
  columns?: 'numbers' | 'strings'
  /** `fresh`: more distinct chunks than the processor's cache holds, in turn. `cached`: the same chunk every time. */
  source: 'fresh' | 'cached'
  /** What the consumer does with a chunk: looks at one value, or sums up all of them. */
  reader: 'touch' | 'sum'
  /** Milliseconds before measuring begins and while it lasts. */
  warmUp: number
  measure: number
}

/** What one measurement found, by the name of the metric. */
export type Metrics = Record<string, number>

/** What travels through a stream. */
export type Chunk = RecordBatch | Uint8Array

/** Something that has been set up for one measurement, and what the processes must know to find it. */
export interface Place<T = unknown> {
  /** Plain values only. */
  readonly address: T
  close(): Promise<void>
}

/** One end of a stream in a Node process of its own. */
export interface NodeEnds<T = unknown> {
  /** Sends the chunks one after the other as fast as the other end takes them; does not return before they end. */
  send(address: T, chunks: Iterable<Chunk>, work: Work): Promise<void>
  /** Calls `listening` when a sender may start, and yields what arrives. A chunk is done with when the next is asked for. */
  receive(address: T, listening: () => void, work: Work): AsyncIterable<Chunk>
}
