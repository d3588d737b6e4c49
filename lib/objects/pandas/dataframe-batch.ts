import type { Data, Schema } from 'apache-arrow'
import type { LeaseHandle } from '../../memory/lease.js'
import { RowBatch } from '../arrow/row-batch.js'
import type { OpaqueObject } from '../opaque.js'
import type { Index } from './index-value.js'
import type { Label } from './labels.js'

/**
 * A pandas DataFrame as an Arrow batch. Slices and selections of it are plain batches, without the index.
 */
export class DataFrameBatch extends RowBatch {
  /**
   * Labels of the rows; undefined where none are stored (0, 1, 2 …), opaque where Python pickled them (a
   * MultiIndex).
   */
  readonly index: Index | OpaqueObject | undefined
  /** Labels of the columns as pandas has them; the names in the schema are these as texts. */
  readonly labels: readonly Label[]

  /** @hidden Made by `client.get`. */
  constructor(
    schema: Schema,
    columns: readonly Data[],
    length: number,
    handle: LeaseHandle | undefined,
    { index, labels }: { index: Index | OpaqueObject | undefined; labels: readonly Label[] }
  ) {
    super(schema, schema.fields, columns, length, handle)
    this.index = index
    this.labels = labels
  }
}
