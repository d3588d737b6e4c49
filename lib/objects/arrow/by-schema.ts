import type { DataType, RecordBatch, Schema } from 'apache-arrow'
import { columnTypes } from './record-batch.js'
import { schemaKey } from './schema-key.js'

/** Schemas that are remembered by their text, for sources that make a schema for each batch. */
const maxSchemas = 64

interface Known<T> {
  readonly value: T | undefined
  readonly types: readonly DataType[]
}

/** Something that is made once for all batches of one schema, where it can be made. */
export class BySchema<T> {
  readonly #make: (batch: RecordBatch, types: readonly DataType[]) => T | undefined
  readonly #byKey = new Map<string, Known<T>>()
  readonly #bySchema = new WeakMap<Schema, Known<T>>()

  /** `make` is given the first batch of a schema, and the types of its columns. */
  constructor(make: (batch: RecordBatch, types: readonly DataType[]) => T | undefined) {
    this.#make = make
  }

  of(batch: RecordBatch): T | undefined {
    const { schema } = batch
    const seen = this.#bySchema.get(schema)
    if (seen !== undefined && sameTypes(seen.types, batch)) return seen.value
    const types = columnTypes(batch)
    const key = schemaKey(schema, types)
    const known = this.#byKey.get(key) ?? this.#remember(key, { value: this.#make(batch, types), types })
    this.#bySchema.set(schema, { value: known.value, types })
    return known.value
  }

  #remember(key: string, known: Known<T>): Known<T> {
    if (this.#byKey.size < maxSchemas) this.#byKey.set(key, known)
    return known
  }
}

/** Whether the columns of a batch have these very types. */
function sameTypes(types: readonly DataType[], batch: RecordBatch): boolean {
  const columns = batch.data.children
  for (let i = 0; i < types.length; i += 1) if (columns[i]?.type !== types[i]) return false
  return true
}
