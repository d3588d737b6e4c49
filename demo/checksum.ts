import { createHash, type Hash } from 'node:crypto'
import type { RecordBatch } from 'apache-arrow'

/** A checksum of the values in a sequence of batches, whatever the chunks they come in. */
export class Checksum {
  readonly #columns: Hash[] = []
  rows = 0
  chunks = 0
  bytes = 0

  add(batch: RecordBatch): void {
    this.chunks += 1
    this.rows += batch.numRows
    this.bytes += batch.data.byteLength
    batch.schema.fields.forEach((field, index) => {
      const hash = (this.#columns[index] ??= createHash('sha256').update(`${field.name}:${field.type}`))
      const column = batch.getChildAt(index)
      for (const value of column ?? []) hash.update(`${String(value)}\n`)
    })
  }

  digest(): string {
    const all = createHash('sha256')
    for (const column of this.#columns) all.update(column.digest())
    return all.digest('hex').slice(0, 16)
  }
}
