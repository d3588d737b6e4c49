import { Flatbuffer, messageKind } from './flatbuffer.js'
import { IpcError } from './ipc-error.js'

/**
 * Checks the messages of an Arrow IPC stream before apache-arrow decodes them. Its decoder follows every
 * offset and count it finds: a forged vector of 2^31 fields would keep it busy for hours. Here each offset
 * has to stay within the message, and the number of tables visited is bounded, so that tables cannot refer to
 * each other in ever more ways.
 */

const maxDepth = 64

function keyValues(buffer: Flatbuffer, table: number, index: number): void {
  buffer.tables(table, index, pair => {
    buffer.string(pair, 0)
    buffer.string(pair, 1)
  })
}

/** Field { name, nullable, type_type, type, dictionary, children, custom_metadata } */
function checkField(buffer: Flatbuffer, field: number, depth: number): void {
  if (depth > maxDepth) throw new IpcError('an Arrow schema is nested too deeply')
  buffer.string(field, 0)
  const type = buffer.child(field, 3)
  // Timestamp { unit, timezone } and Union { mode, typeIds } are the types that are not of fixed size.
  if (type !== undefined && buffer.uint8(field, 2) === 10) buffer.string(type, 1)
  if (type !== undefined && buffer.uint8(field, 2) === 14) buffer.vectorField(type, 1, 4)
  const dictionary = buffer.child(field, 4)
  if (dictionary !== undefined) buffer.child(dictionary, 1)
  buffer.tables(field, 5, child => checkField(buffer, child, depth + 1))
  keyValues(buffer, field, 6)
}

/**
 * RecordBatch { length, nodes: [16 bytes], buffers: [16 bytes], compression, variadicBufferCounts: [int64] }
 */
function checkBatch(buffer: Flatbuffer, batch: number): void {
  buffer.vectorField(batch, 1, 16)
  buffer.vectorField(batch, 2, 16)
  buffer.child(batch, 3)
  buffer.vectorField(batch, 4, 8)
}

/** Checks one message. Returns what it is and how long its body is. */
function checkMessage(bytes: Uint8Array): { kind: number; bodyLength: number } {
  const buffer = new Flatbuffer(bytes)
  // Message { version, header_type, header, bodyLength, custom_metadata }
  const message = buffer.root()
  const kind = buffer.uint8(message, 1)
  const content = buffer.child(message, 2)
  if (content === undefined) throw new IpcError('an Arrow message is empty')
  if (kind === messageKind.schema) {
    // Schema { endianness, fields, custom_metadata, features }
    buffer.tables(content, 1, field => checkField(buffer, field, 0))
    keyValues(buffer, content, 2)
  } else if (kind === messageKind.dictionaryBatch) {
    // DictionaryBatch { id, data, isDelta }
    const data = buffer.child(content, 1)
    if (data === undefined) throw new IpcError('an Arrow dictionary is empty')
    checkBatch(buffer, data)
  } else if (kind === messageKind.recordBatch) {
    checkBatch(buffer, content)
  } else {
    throw new IpcError(`an Arrow message of an unknown kind (${kind})`)
  }
  keyValues(buffer, message, 4)
  const bodyLength = buffer.int64(message, 3)
  if (bodyLength < 0n || bodyLength > BigInt(Number.MAX_SAFE_INTEGER))
    throw new IpcError('a body of a false length')
  return { kind, bodyLength: Number(bodyLength) }
}

/**
 * Checks the messages of a stream, up to its end marker or the end of the bytes. The first has to be the
 * schema; `schemaOnly` stops there. Answers where the schema ends. Throws IpcError.
 */
export function checkIpc(bytes: Uint8Array, { schemaOnly = false }: { schemaOnly?: boolean } = {}): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let position = 0
  let schemaEnd = 0
  for (let first = true; position + 4 <= bytes.byteLength; first = false) {
    let length = view.getInt32(position, true)
    position += 4
    // Streams from before Arrow 0.15 have no continuation marker in front of the length.
    if (length === -1) {
      if (position + 4 > bytes.byteLength) throw new IpcError('the bytes end within an Arrow message')
      length = view.getInt32(position, true)
      position += 4
    }
    if (length === 0 && !first) return schemaEnd
    if (length <= 0 || position + length > bytes.byteLength) {
      throw new IpcError('the bytes end within an Arrow message')
    }
    const { kind, bodyLength } = checkMessage(bytes.subarray(position, position + length))
    if (first !== (kind === messageKind.schema))
      throw new IpcError('an Arrow stream has one schema, at its start')
    position += length
    if (bodyLength > bytes.byteLength - position) throw new IpcError('the bytes end within an Arrow body')
    position += bodyLength
    if (first) schemaEnd = position
    if (schemaOnly) break
  }
  if (position === 0) throw new IpcError('no Arrow message')
  return schemaEnd
}
