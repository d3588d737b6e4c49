import { RecordBatchReader, RecordBatchStreamWriter, Type, Vector } from 'apache-arrow'
import type { Data, RecordBatch } from 'apache-arrow'
import type { LeaseHandle } from '../../memory/lease.js'
import { maxLength } from '../fields.js'
import { typeOf } from './any-type.js'
import { bitmapBytes } from './bitmap.js'
import { nameFields } from './field-names.js'
import { flatColumns } from './flat-column.js'
import { checkIpc } from './ipc-check.js'
import { IpcError } from './ipc-error.js'
import { IpcPlans } from './ipc-plans.js'
import { makeColumn } from './leased-data.js'
import type { ColumnBuffers } from './leased-data.js'
import { offsetsFit } from './offsets.js'
import { RowBatch, withMetadata } from './row-batch.js'
import { checkType } from './type-check.js'
import { fixedBits } from './widths.js'

/**
 * Decodes an Arrow IPC stream without copying. The bytes are not believed: messages are checked before they
 * are decoded, and arrays against their buffers afterwards, so that no row reads outside them. With a handle,
 * what is made of the bytes fails once it has been released; `handleOfBatch` is asked for each batch, and may
 * always answer the same. Throws IpcError, also for what apache-arrow cannot decode (compressed bodies).
 */
export function readIpc(bytes: Uint8Array, handleOfBatch?: () => LeaseHandle | undefined): RecordBatch[] {
  try {
    return decode(bytes, handleOfBatch)
  } catch (cause) {
    if (cause instanceof IpcError) throw cause
    throw new IpcError(`not Arrow IPC: ${(cause as Error).message}`, { cause })
  }
}

/** Schemas that were decoded before. */
const plans = new IpcPlans()

function decode(
  bytes: Uint8Array,
  handleOfBatch: () => LeaseHandle | undefined = () => undefined
): RecordBatch[] {
  const planned = plans.find(bytes)?.read(bytes, handleOfBatch)
  if (planned !== undefined) return [planned]
  const schemaEnd = checkIpc(bytes)
  const reader = openReader(bytes)
  const { schema } = reader
  const batches: RecordBatch[] = []
  for (const batch of reader) {
    const handle = handleOfBatch()
    const dictionaries = new Map<Vector, Vector>()
    const columns = batch.data.children.map(column => checkedColumn(column, handle, dictionaries))
    const types = columns.map(column => column.type)
    const fields = schema.fields.map((field, i) => field.clone({ type: types[i] ?? field.type }))
    if (columns.some(column => column.length !== batch.numRows))
      throw new IpcError('columns of unequal length')
    batches.push(withMetadata(new RowBatch(schema, fields, columns, batch.numRows, handle), batch))
  }
  if (flatColumns(schema.fields.map(({ type }) => type)) !== undefined) {
    plans.learn(bytes.subarray(0, schemaEnd), message => {
      checkIpc(message)
      return openReader(message).schema
    })
  }
  return batches
}

/** A reader of messages that have been checked, with its schema. */
function openReader(bytes: Uint8Array): RecordBatchReader {
  const reader = RecordBatchReader.from(bytes)
  reader.open()
  for (const field of reader.schema.fields) checkType(field.type)
  nameFields(reader.schema.fields)
  return reader
}

/** Encodes batches of one schema as an Arrow IPC stream. */
export function writeIpc(batches: readonly RecordBatch[]): Uint8Array {
  return RecordBatchStreamWriter.writeAll([...batches]).toUint8Array(true)
}

function requireLength(available: number | undefined, needed: number): void {
  if ((available ?? 0) < needed) throw new IpcError('an Arrow array is longer than its buffers')
}

/** The same column over `handle`, once it has been seen to have all the bytes its rows need. */
function checkedColumn(data: Data, handle: LeaseHandle | undefined, dictionaries: Map<Vector, Vector>): Data {
  const { type, length, nullCount } = data
  if (!(length >= 0 && length <= maxLength)) throw new IpcError('an Arrow array of a false length')
  const nullBitmap = data.nullBitmap as Uint8Array | undefined
  const hasNulls = nullCount !== 0 && type.typeId !== Type.Null && type.typeId !== Type.Union
  if (hasNulls) requireLength(nullBitmap?.byteLength, bitmapBytes(length))
  const bits = fixedBits(type)
  if (bits !== undefined)
    requireLength(data.values?.byteLength as number | undefined, Math.ceil((length * bits) / 8))
  const children = data.children.map(child => checkedColumn(child, handle, dictionaries))
  checkLayout(data, children)
  const buffers = [data.valueOffsets, data.values, nullBitmap, data.typeIds] as unknown as ColumnBuffers
  const column = makeColumn(handle, {
    type,
    length,
    nullCount: hasNulls ? -1 : nullCount,
    buffers,
    children,
    dictionary: data.dictionary && checkedDictionary(data.dictionary, handle, dictionaries)
  })
  return Object.assign(column, { variadicBuffers: data.variadicBuffers })
}

function checkedDictionary(
  dictionary: Vector,
  handle: LeaseHandle | undefined,
  known: Map<Vector, Vector>
): Vector {
  let checked = known.get(dictionary)
  if (checked === undefined) {
    checked = new Vector(dictionary.data.map(data => checkedColumn(data as Data, handle, known)))
    known.set(dictionary, checked)
  }
  return checked
}

/** Checks offsets and children of the types that have some. */
function checkLayout(data: Data, children: readonly Data[]): void {
  const { length } = data
  const type = typeOf(data)
  const first = children[0]
  switch (type.typeId) {
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Binary:
    case Type.LargeBinary:
      return checkOffsets(data, (data.values as Uint8Array | undefined)?.byteLength ?? 0)
    case Type.Utf8View:
    case Type.BinaryView:
      return requireLength(data.values?.byteLength as number | undefined, 16 * length)
    case Type.List:
    case Type.LargeList:
    case Type.Map:
      return checkOffsets(data, first?.length ?? 0)
    case Type.FixedSizeList:
      return requireLength(first?.length, length * type.listSize)
    case Type.Struct:
      for (const child of children) requireLength(child.length, length)
      return
    case Type.Union:
      return checkUnion(data, children)
    default:
      break
  }
}

function checkOffsets(data: Data, limit: number): void {
  const offsets = data.valueOffsets as unknown as Int32Array | BigInt64Array | undefined
  // An array without rows may come without offsets.
  if (data.length === 0 && (offsets === undefined || offsets.length === 0)) return
  requireLength(offsets?.length, data.length + 1)
  if (!offsetsFit((offsets as Int32Array).subarray(0, data.length + 1), limit))
    throw new IpcError('offsets of an Arrow array are out of order')
}

function checkUnion(data: Data, children: readonly Data[]): void {
  const { length, typeIds } = data
  const type = typeOf(data)
  requireLength(typeIds?.length as number | undefined, length)
  const offsets = data.valueOffsets as unknown as Int32Array | undefined
  for (let i = 0; i < length; i += 1) {
    const child = children[type.typeIdToChildIndex[(typeIds as unknown as Int8Array)[i] as number] as number]
    const index = type.mode === 1 ? (offsets?.[i] ?? -1) : i
    if (child === undefined || index < 0 || index >= child.length) {
      throw new IpcError('an Arrow union refers to a value that is not there')
    }
  }
}
