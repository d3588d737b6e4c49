import type { RecordBatch } from 'apache-arrow'

/** What goes through a stream in one measurement. Plain values: it travels to the processes. */
export interface Work {
  /**
   * What kind of stream it is where there are kinds: record batches as objects, record batches as Arrow's bytes, or bytes.
   * Other drivers know batches and bytes only.
   */
  stream: 'recordbatch' | 'dataframe' | 'byte'
  /** Rows of a batch, or bytes of a chunk. */
  size: number
  /** int64, float64 and bool; or strings and nulls beside them. Only for batches. */
  columns?: 'numbers' | 'strings'
  /** `fresh`: more distinct chunks than the processor's cache holds, in turn. `cached`: the same chunk every time. */
  source: 'fresh' | 'cached'
  /** What the consumer does with a chunk: looks at one value, or sums up all of them. */
  reader: 'touch' | 'sum'
  /** How many streams there are between the two processes. */
  streams?: number
  /** Objects that live in the store beside the streams. */
  liveObjects?: number
  /** Stop after this many bytes instead of a time. */
  totalBytes?: number
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
  /** Plain values only; one for each stream. */
  readonly addresses: readonly T[]
  /** The server, if there is one. */
  readonly pid?: number
  close(): Promise<void>
}

/** What moves chunks from one process to another. */
export interface Driver {
  /** As it is called in tables. */
  title: string
  /** Sets up what both processes connect to. */
  place: (work: Work) => Promise<Place>
  /** How the two processes work; without it they are in Python. */
  ends?: NodeEnds<any>
  /** Whether each stream has a producer and a consumer process of its own, instead of one of each for all. */
  ownProcesses?: boolean
}

/** How chunks get from one Node process to another. */
export interface NodeEnds<T = unknown> {
  /** Sends the chunks one after the other as fast as the other end takes them. Undefined: the receiver is the source too. */
  send?: (address: T, chunks: Iterable<Chunk>, work: Work) => Promise<void>
  /** Calls `listening` when a sender may start, and yields what arrives. A chunk is done with when the next is asked for. */
  receive: (address: T, listening: () => void, work: Work) => AsyncIterable<Chunk>
}
