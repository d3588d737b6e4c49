import type { ObjectId } from '../protocol/ids.js'

/**
 * What a producer on a vineyardd notes for the case that it dies: the blobs that it has allocated and not pushed, and where
 * a note costs no request also what the chunks are made of that wait for their consumer. It does so
 * in transient objects of its own (`vineyard::NodeStreamNotes`, with the fields `stream` and `owner`); who frees what a
 * dead producer has left lists them.
 */
export interface ProducerNotes {
  /** The objects, whose number may grow. */
  readonly ids: readonly ObjectId[]
  /** Names blobs, and the number of their chunk in the stream, where that is certain. */
  add(blobs: readonly ObjectId[], chunk: number | undefined): void
  /** A chunk is about to be pushed that was made of these, its own id among them. */
  pushing(parts: readonly ObjectId[]): void
  /** The same chunk has been pushed. */
  pushed(parts: readonly ObjectId[]): void
  /** They have been freed, or their chunk was consumed. */
  remove(parts: readonly ObjectId[]): void
  /** Nothing is noted any more: resolves with the objects, for whoever deletes them. */
  close(): Promise<readonly ObjectId[]>
}

/** Blobs, each with the number of its chunk in the stream, where that is certain. */
export type Unpushed = Map<ObjectId, number | undefined>

/** What the notes of a producer say. */
export interface Noted {
  readonly unpushed: Unpushed
  /**
   * What chunks are made of that are queued, or were. A consumer may be reading them, and vineyardd loses their order: this is
   * only for whoever knows that both ends are dead.
   */
  readonly queued: Set<ObjectId>
}
