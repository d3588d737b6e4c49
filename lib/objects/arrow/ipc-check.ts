/**
 * Checks the messages of an Arrow IPC stream before apache-arrow decodes them. Its decoder follows every
 * offset and count it finds: a forged vector of 2^31 fields would keep it busy for hours. Here each offset
 * has to stay within the message, and the number of tables visited is bounded, so that tables cannot refer to
 * each other in ever more ways.
 */

/** Thrown for bytes that are not an Arrow IPC stream. */
export class IpcError extends Error {}

const maxTables = 100_000
const maxDepth = 64
/** Names and metadata may be shared between tables, but not without end. */
const maxText = 1 << 24

const header = { schema: 1, dictionaryBatch: 2, recordBatch: 3 }

class Flatbuffer {
  readonly #view: DataView
  #tables = 0
  #text = 0

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  root(): number {
    return this.table(this.#offset(0))
  }

  /** Checks that a table and its fields are within the buffer. */
  table(position: number): number {
    this.#tables += 1
    if (this.#tables > maxTables) throw new IpcError('too many tables in an Arrow message')
    const vtable = position - this.#int32(position)
    const size = this.#uint16(vtable)
    if (size < 4 || size % 2 !== 0) throw new IpcError('a table in an Arrow message is damaged')
    this.#require(vtable, size)
    this.#require(position, this.#uint16(vtable + 2))
    return position
  }

  /** Where field `index` of a table is, or undefined if it is absent. */
  field(table: number, index: number, width: number): number | undefined {
    const vtable = table - this.#int32(table)
    const slot = 4 + 2 * index
    if (slot + 2 > this.#uint16(vtable)) return undefined
    const offset = this.#uint16(vtable + slot)
    if (offset === 0) return undefined
    this.#require(table + offset, width)
    return table + offset
  }

  uint8(table: number, index: number): number {
    const at = this.field(table, index, 1)
    return at === undefined ? 0 : this.#view.getUint8(at)
  }

  int64(table: number, index: number): bigint {
    const at = this.field(table, index, 8)
    return at === undefined ? 0n : this.#view.getBigInt64(at, true)
  }

  child(table: number, index: number): number | undefined {
    const at = this.field(table, index, 4)
    return at === undefined ? undefined : this.table(this.#offset(at))
  }

  string(table: number, index: number): void {
    const at = this.field(table, index, 4)
    if (at === undefined) return
    const length = this.vector(this.#offset(at), 1).length
    this.#text += length
    if (this.#text > maxText) throw new IpcError('too much text in an Arrow message')
  }

  /** A vector whose elements have `width` bytes. */
  vector(position: number, width: number): { start: number; length: number } {
    this.#require(position, 4)
    const length = this.#view.getUint32(position, true)
    this.#require(position + 4, length * width)
    return { start: position + 4, length }
  }

  vectorField(table: number, index: number, width: number): { start: number; length: number } {
    const at = this.field(table, index, 4)
    return at === undefined ? { start: 0, length: 0 } : this.vector(this.#offset(at), width)
  }

  /** Runs `visit` for each table of a vector of tables. */
  tables(table: number, index: number, visit: (child: number) => void): void {
    const { start, length } = this.vectorField(table, index, 4)
    for (let i = 0; i < length; i += 1) visit(this.table(this.#offset(start + 4 * i)))
  }

  #offset(position: number): number {
    this.#require(position, 4)
    return position + this.#view.getUint32(position, true)
  }

  #int32(position: number): number {
    this.#require(position, 4)
    return this.#view.getInt32(position, true)
  }

  #uint16(position: number): number {
    this.#require(position, 2)
    return this.#view.getUint16(position, true)
  }

  #require(position: number, bytes: number): void {
    if (position < 0 || position + bytes > this.#view.byteLength) {
      throw new IpcError('an Arrow message refers to bytes outside itself')
    }
  }
}

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
  if (kind === header.schema) {
    // Schema { endianness, fields, custom_metadata, features }
    buffer.tables(content, 1, field => checkField(buffer, field, 0))
    keyValues(buffer, content, 2)
  } else if (kind === header.dictionaryBatch) {
    // DictionaryBatch { id, data, isDelta }
    const data = buffer.child(content, 1)
    if (data === undefined) throw new IpcError('an Arrow dictionary is empty')
    checkBatch(buffer, data)
  } else if (kind === header.recordBatch) {
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
 * schema; `schemaOnly` stops there. Throws IpcError.
 */
export function checkIpc(bytes: Uint8Array, { schemaOnly = false }: { schemaOnly?: boolean } = {}): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let position = 0
  for (let first = true; position + 4 <= bytes.byteLength; first = false) {
    let length = view.getInt32(position, true)
    position += 4
    // Streams from before Arrow 0.15 have no continuation marker in front of the length.
    if (length === -1) {
      if (position + 4 > bytes.byteLength) throw new IpcError('the bytes end within an Arrow message')
      length = view.getInt32(position, true)
      position += 4
    }
    if (length === 0 && !first) return
    if (length <= 0 || position + length > bytes.byteLength) {
      throw new IpcError('the bytes end within an Arrow message')
    }
    const { kind, bodyLength } = checkMessage(bytes.subarray(position, position + length))
    if (first !== (kind === header.schema)) throw new IpcError('an Arrow stream has one schema, at its start')
    position += length
    if (bodyLength > bytes.byteLength - position) throw new IpcError('the bytes end within an Arrow body')
    if (schemaOnly) return
    position += bodyLength
  }
  if (position === 0) throw new IpcError('no Arrow message')
}
