import type { Data } from 'apache-arrow'
import type { Metadata, ReadContext } from '../model.js'

/** Reads a nested column, such as the values of a list. */
export type ColumnReader = (meta: Metadata) => Data

/** A type whose objects can be columns of a batch. */
export interface ColumnType {
  readonly typenames: readonly string[]
  /**
   * The column, under the handle of the context. Throws ERR_VINEYARD_METADATA, or NotAColumn if there is no
   * Arrow form.
   */
  column(meta: Metadata, context: ReadContext, nested: ColumnReader): Data
}

/**
 * Thrown for an object that is in order but has no Arrow form (a pickle): its owner becomes opaque, with this
 * reason.
 */
export class NotAColumn extends Error {
  constructor(meta: Metadata, reason: string) {
    super(`${meta.typename} ${meta.id}: ${reason}`)
  }
}
