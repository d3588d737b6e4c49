import type { RecordBatch } from 'apache-arrow'

/** A value as `plain` of python/values.py gives it: long integers and what JSON lacks as texts. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint')
    return plain(Number.isSafeInteger(Number(value)) ? Number(value) : String(value))
  if (value === undefined) return null
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return String(value).replace('NaN', 'nan').replace('Infinity', 'inf')
  }
  return value
}

/** The values of a batch, by column. */
export function plainColumns(batch: RecordBatch): Record<string, unknown[]> {
  return Object.fromEntries(
    batch.schema.fields.map((field, index) => [field.name, [...(batch.getChildAt(index) ?? [])].map(plain)])
  )
}

/** The Arrow types of a batch, by column. */
export function typesOf(batch: RecordBatch): Record<string, string> {
  return Object.fromEntries(batch.schema.fields.map(field => [field.name, String(field.type)]))
}
