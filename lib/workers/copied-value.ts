import { Field, Schema, Table, Vector } from 'apache-arrow'
import type { RecordBatch } from 'apache-arrow'
import { ObjectReadContext } from '../client/read-context.js'
import { VineyardError } from '../errors.js'
import { handleOf } from '../memory/lease.js'
import { readIpc, writeIpc } from '../objects/arrow/ipc.js'
import { isRecordBatch, isTable, isVector } from '../objects/arrow/recognise.js'
import { columnsOf } from '../objects/arrow/record-batch.js'
import { RowBatch } from '../objects/arrow/row-batch.js'
import { storedBatches } from '../objects/arrow/table.js'
import type { Metadata } from '../objects/model.js'
import { OpaqueObject } from '../objects/opaque.js'
import { DataFrameBatch } from '../objects/pandas/dataframe-batch.js'
import { Index } from '../objects/pandas/index-value.js'
import type { Label } from '../objects/pandas/labels.js'
import { Series } from '../objects/pandas/series-type.js'
import { SparseArray } from '../objects/pandas/sparse-array.js'
import { propertiesOf, withProperties, type TensorProperties } from '../objects/tensor/tensor-value.js'
import { typeNameOf } from '../objects/unsupported.js'
import type { ObjectId } from '../protocol/ids.js'

/** A value in memory of its own, made of what `postMessage` can clone: classes and properties of arrays get lost there. */
export type CopiedValue =
  | { kind: 'value'; value: unknown }
  | { kind: 'buffer'; bytes: Uint8Array }
  | { kind: 'tensor'; values: object; properties: TensorProperties }
  | { kind: 'list'; values: CopiedValue[] }
  | { kind: 'batch' | 'table' | 'vector'; ipc: Uint8Array }
  | { kind: 'frame'; ipc: Uint8Array; labels: readonly Label[]; index: CopiedValue }
  | { kind: 'index'; name: Label; values: CopiedValue }
  | { kind: 'series'; name: Label; values: CopiedValue; index: CopiedValue }
  | { kind: 'sparse'; fields: SparseArray }
  | { kind: 'opaque'; meta: Metadata; reason: string; blobs: [ObjectId, Uint8Array][] }

/**
 * Copies a value: `release` may take its memory away before the copy is sent. Throws ERR_VINEYARD_RELEASED if it did
 * already, and ERR_VINEYARD_TYPE for what cannot be cloned.
 */
export function copyValue(value: unknown): CopiedValue {
  if (typeof value !== 'object' || value === null) return { kind: 'value', value }
  try {
    return copyOf(value)
  } catch (cause) {
    if (cause instanceof VineyardError) throw cause
    throw notShareable(value, cause)
  }
}

function copyOf(value: object): CopiedValue {
  handleOf(value)?.check()
  if (value instanceof DataFrameBatch)
    return { kind: 'frame', ipc: writeIpc([value]), labels: value.labels, index: copyValue(value.index) }
  if (isRecordBatch(value)) return { kind: 'batch', ipc: writeIpc([value]) }
  if (isTable(value)) return { kind: 'table', ipc: writeIpc(storedBatches(value)) }
  if (isVector(value)) return { kind: 'vector', ipc: writeIpc(batchesOf(value)) }
  if (value instanceof Index) return { kind: 'index', name: value.name, values: copyValue(value.values) }
  if (value instanceof Series) {
    const { name, values, index } = value
    return { kind: 'series', name, values: copyValue(values), index: copyValue(index) }
  }
  if (value instanceof OpaqueObject) {
    const { meta, reason, blobs } = value
    return { kind: 'opaque', meta, reason, blobs: blobs.map(({ id }) => [id, bytesOf(value.blob(id))]) }
  }
  if (Buffer.isBuffer(value)) return { kind: 'buffer', bytes: bytesOf(value) }
  const properties = propertiesOf(value)
  if (properties.shape !== undefined) {
    const all = { order: 'C', partitionIndex: [], ...properties } as unknown as TensorProperties
    return { kind: 'tensor', values: elementsOf(value), properties: all }
  }
  if (Array.isArray(value)) return { kind: 'list', values: value.map(copyValue) }
  if (value instanceof SparseArray) return { kind: 'sparse', fields: structuredClone(value) }
  if (ArrayBuffer.isView(value)) return { kind: 'value', value: elementsOf(value) }
  if (isPlain(value)) return { kind: 'value', value: structuredClone(value) }
  throw notShareable(value)
}

/** What `copyValue` copied, as it was. */
export function pasteValue(copied: CopiedValue): unknown {
  switch (copied.kind) {
    case 'value':
      return copied.value
    case 'buffer':
      return Buffer.from(copied.bytes.buffer, copied.bytes.byteOffset, copied.bytes.byteLength)
    case 'tensor':
      return withProperties(copied.values, copied.properties)
    case 'list':
      return copied.values.map(pasteValue)
    case 'batch':
      return readIpc(copied.ipc)[0]
    case 'table':
      return new Table(readIpc(copied.ipc))
    case 'vector':
      return new Vector(readIpc(copied.ipc).flatMap(columnsOf))
    case 'frame': {
      const [batch] = readIpc(copied.ipc) as [RecordBatch]
      const { labels } = copied
      const index = pasteValue(copied.index) as DataFrameBatch['index']
      return new DataFrameBatch(batch.schema, columnsOf(batch), batch.numRows, undefined, { index, labels })
    }
    case 'index':
      return new Index(copied.name, pasteValue(copied.values) as Vector)
    case 'series':
      return new Series(
        copied.name,
        pasteValue(copied.values) as Vector,
        pasteValue(copied.index) as Series['index']
      )
    case 'sparse': {
      const { length, fillValue, indices, values, dtype } = copied.fields
      return new SparseArray(length, fillValue, indices, values, dtype)
    }
    case 'opaque': {
      const { meta, reason, blobs } = copied
      const context = new ObjectReadContext(new Map(blobs), undefined, meta.instance_id)
      return new OpaqueObject(meta, reason, context)
    }
  }
}

function notShareable(value: object, cause?: unknown): VineyardError {
  return new VineyardError('ERR_VINEYARD_TYPE', `${typeNameOf(value)} cannot be shared`, { cause })
}

/** A Vector's pieces as batches of one column. */
function batchesOf(vector: Vector): RecordBatch[] {
  const schema = new Schema([new Field('values', vector.type, true)])
  return vector.data.map(data => new RowBatch(schema, schema.fields, [data], data.length, undefined))
}

/** The elements alone: a clone of a view would be one of all of its buffer, and keep nothing else. */
function elementsOf(value: object): object {
  return (value as { slice?: () => object }).slice?.() ?? structuredClone(value)
}

function bytesOf(buffer: Buffer): Uint8Array {
  return Uint8Array.prototype.slice.call(buffer)
}

/** Whether a clone is what the value is: of other classes a clone is an object without methods. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || value instanceof ArrayBuffer
}
