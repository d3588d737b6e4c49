import type { WindowLimits } from '#dist/protocol/window.js'

/** Work for the programs producer and consumer of test/lifetime/processes. */
export interface ProducerJob {
  socket: string
  stream: string
  /** Infinity goes on until something ends it. */
  chunks: number
  /** Of one chunk. */
  bytes: number
  window?: Partial<WindowLimits>
  /** Tell the number of each chunk when it has been accepted. */
  tells?: boolean
  /** Stop for ever when this one is about to be pushed: its object exists, the stream does not have it. */
  haltBeforePush?: number
  /** Stop for ever after this many chunks. */
  haltAfter?: number
  /** Stop for ever instead of sending the first request of this type after two chunks. */
  haltInsteadOf?: string
  /** Stop for ever with memory that was allocated and not appended. */
  haltAllocated?: boolean
  /** How many times; once if it does not say. */
  allocates?: number
}

export interface ConsumerJob {
  socket: string
  stream: string
  /** What to do with each chunk: give it back, keep it until the end, or take them without looking. */
  chunks: 'release' | 'keep'
  /** Milliseconds that each chunk takes. */
  pause?: number
  /** Keep what has been read after this many and wait for the end of the process; 0 never reads. */
  holdAfter?: number
  /** Tell the number of each chunk. */
  tells?: boolean
  /** The first chunk is not the stream's first: another consumer had those before. */
  resumes?: boolean
}

export type ProducerReport =
  { opened: true } | { accepted: number } | { halted: true } | { done: number; code?: string | undefined }

export type ConsumerReport =
  | { opened: true }
  | { read: number }
  | { holding: number }
  | { done: number; wrong: number[]; copied: number; code?: string | undefined }

/** Ends to open at once, when the next message comes. */
export interface ManyEndsJob {
  socket: string
  /** The streams to write, one chunk after the other, until that fails. */
  written: readonly string[]
  /** Those to read until that fails. */
  read: readonly string[]
}

export type ManyEndsReport =
  { ready: true } | { opened: number; within: number } | { failed: string | undefined }

/** Work for one end of a stream, or for both in one process, that is to be killed afterwards. */
export interface BothEndsJob {
  socket: string
  stream: string
  kind: 'batches' | 'bytes'
  /** Of one chunk. */
  bytes: number
  window?: Partial<WindowLimits>
  /** Objects that exist, to be appended before the chunks. */
  appended?: readonly string[]
  /** How many chunks the producer appends; undefined where this is not the producer. */
  writes?: number
  /** How many the consumer pulls; undefined where this is not the consumer. */
  reads?: number
  /** It pulls ids, not values. */
  ids?: boolean
}
