import type { ObjectId } from '../protocol/ids.js'

/**
 * What a producer on a vineyardd notes for the case that it dies: the blobs that it has allocated and not pushed. It does so
 * in transient objects of its own (`vineyard::NodeStreamNotes`, with the fields `stream` and `owner`); who frees what a
 * dead producer has left lists them.
 */
export interface ProducerNotes {
  /** The objects, whose number may grow. */
  readonly ids: readonly ObjectId[]
  /** Names blobs, and the number of their chunk in the stream, where that is certain. */
  add(blobs: readonly ObjectId[], chunk: number | undefined): void
  /** They have been pushed, or freed. */
  remove(blobs: readonly ObjectId[]): void
  /** Nothing is noted any more: resolves with the objects, for whoever deletes them. */
  close(): Promise<readonly ObjectId[]>
}

/** Blobs, each with the number of its chunk in the stream, where that is certain. */
export type Unpushed = Map<ObjectId, number | undefined>
