import { RecordBatchReader, RecordBatchStreamWriter } from 'apache-arrow'
import type { DataType, Schema } from 'apache-arrow'
import { isMember, jsonText, metadataError, optional } from '../fields.js'
import { ObjectDraft } from '../model.js'
import type { Draft, Metadata, ObjectType, ReadContext } from '../model.js'
import { nameFields } from './field-names.js'
import { checkIpc } from './ipc-check.js'
import { ownSchema } from './own-types.js'
import { isSchema } from './recognise.js'
import { schemaKey } from './schema-key.js'
import { checkType } from './type-check.js'

const maxCached = 64

/**
 * Remembers the newest results: the batches of a stream all have one schema, and coding it costs more than a
 * batch.
 */
class Cache<T> {
  readonly #entries = new Map<string, T>()

  get(key: string, make: () => T): T {
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = make()
      // The oldest goes first; keys that would hold much memory are not worth it.
      if (this.#entries.size >= maxCached) this.#entries.delete(this.#entries.keys().next().value as string)
      if (key.length < 1 << 20) this.#entries.set(key, entry)
    }
    return entry
  }
}

const decoded = new Cache<Schema>()
const encoded = new Cache<{ text: string; size: number }>()
const encodedOf = new WeakMap<Schema, { text: string; size: number }>()

/**
 * vineyard::SchemaProxy: an Arrow schema, as the bytes of the schema message of Arrow's IPC format (with
 * continuation marker): decimal numbers in a text of JSON, or in a blob in an older form.
 */
export const schemaProxy: ObjectType = {
  typenames: ['vineyard::SchemaProxy'],

  read: (meta, context) => readSchema(meta, context),

  accepts: isSchema,

  describe: value => describeSchema(value as Schema, [])
}

/** The schema, which may be shared with other values that have the same one. */
export function readSchema(meta: Metadata, context: ReadContext): Schema {
  // A blob wins over a text, as in upstream's reader.
  if (isMember(optional(meta, 'buffer_'))) return decode(meta, context.blob(meta, 'buffer_').slice())
  const text = optional(meta, 'schema_binary_')
  if (typeof text !== 'string') throw metadataError(meta, '"schema_binary_" is missing')
  return decoded.get(text, () => decode(meta, bytesOfText(meta)))
}

function bytesOfText(meta: Metadata): Uint8Array {
  const parsed = jsonText(meta, 'schema_binary_')
  const bytes =
    typeof parsed === 'object' && parsed !== null ? (parsed as { bytes?: unknown }).bytes : undefined
  const isByte = (byte: unknown): boolean =>
    Number.isInteger(byte) && (byte as number) >= 0 && (byte as number) < 256
  if (!Array.isArray(bytes) || !bytes.every(isByte))
    throw metadataError(meta, '"schema_binary_" has no bytes')
  return Uint8Array.from(bytes as number[])
}

function decode(meta: Metadata, bytes: Uint8Array): Schema {
  try {
    checkIpc(bytes, { schemaOnly: true })
    const reader = RecordBatchReader.from(bytes)
    reader.open()
    for (const field of reader.schema.fields) checkType(field.type)
    nameFields(reader.schema.fields)
    return reader.schema
  } catch (cause) {
    throw metadataError(meta, 'not an Arrow schema', cause)
  }
}

/** The draft of a schema whose columns have `types` (those of its fields where there are none). */
export function describeSchema(schema: Schema, types: readonly DataType[]): Draft {
  const sameTypes = types.every((type, i) => schema.fields[i]?.type === type)
  let entry = sameTypes ? encodedOf.get(schema) : undefined
  if (entry === undefined) {
    entry = encoded.get(schemaKey(schema, types), () => encode(ownSchema(schema, types)))
    if (sameTypes) encodedOf.set(schema, entry)
  }
  return new ObjectDraft('vineyard::SchemaProxy', { schema_binary_: entry.text, nbytes: entry.size })
}

function encode(schema: Schema): { text: string; size: number } {
  const writer = new RecordBatchStreamWriter()
  writer.reset(undefined, schema)
  writer.finish()
  // Behind the schema message is the end marker of the stream.
  const bytes = writer.toUint8Array(true).slice(0, -8)
  return { text: `{"bytes": [${bytes.join(', ')}]}`, size: bytes.byteLength }
}
