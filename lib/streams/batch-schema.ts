import type { RecordBatch, Schema, Table } from 'apache-arrow'
import { VineyardError } from '../errors.js'
import { isRecordBatch, isTable } from '../objects/arrow/recognise.js'

/** A schema as text: what two batches of one stream must have in common. */
function columnsOf(schema: Schema): string {
  return schema.fields.map(field => `${field.name}: ${String(field.type)}`).join(', ')
}

/** Whether a value is a RecordBatch or a Table, of any copy of apache-arrow. */
export function hasSchema(value: unknown): value is RecordBatch | Table {
  return isRecordBatch(value) || isTable(value)
}

/** Refuses a batch whose columns differ from those of the first, which a consumer would only notice far away. */
export class SchemaCheck {
  #columns: string | undefined
  /** Schemas that were seen to fit: the batches of one source share the object. */
  readonly #fitting = new WeakSet<Schema>()

  check(value: RecordBatch | Table): void {
    const { schema } = value
    if (this.#fitting.has(schema)) return
    const columns = columnsOf(schema)
    this.#columns ??= columns
    if (columns !== this.#columns) {
      throw new VineyardError(
        'ERR_VINEYARD_TYPE',
        `the schema of this batch differs from the first one's (option "sameSchema"): got (${columns}), expected (${this.#columns})`
      )
    }
    this.#fitting.add(schema)
  }
}
