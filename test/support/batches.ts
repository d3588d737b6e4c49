import { Bool, makeVector, RecordBatch, vectorFromArray, type Vector } from 'apache-arrow'

/** A batch from vectors of one chunk each. */
export function batchOf(columns: Record<string, Vector>): RecordBatch {
  return new RecordBatch(
    Object.fromEntries(Object.entries(columns).map(([name, vector]) => [name, vector.data[0]!]))
  )
}

/** A batch of the seed page's columns: int, float and bool, all of them made from `seed`. */
export function seedBatch(seed: number, rows: number): RecordBatch {
  const at = (row: number): number => seed * 1_000_003 + row
  return batchOf({
    a: makeVector(BigInt64Array.from({ length: rows }, (_, row) => BigInt(at(row)))),
    b: makeVector(Float64Array.from({ length: rows }, (_, row) => at(row) / 7)),
    c: vectorFromArray(
      Array.from({ length: rows }, (_, row) => at(row) % 3 === 0),
      new Bool()
    )
  })
}

/** The values of a batch, for comparing. */
export function valuesOf(batch: RecordBatch): Record<string, unknown[]> {
  return Object.fromEntries(
    batch.schema.fields.map((field, index) => [field.name, [...(batch.getChildAt(index) ?? [])]])
  )
}
