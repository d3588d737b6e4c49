import { IpcError } from './ipc-error.js'

const maxTables = 100_000
/** Names and metadata may be shared between tables, but not without end. */
const maxText = 1 << 24

/** What the header of an Arrow message is. */
export const messageKind = { schema: 1, dictionaryBatch: 2, recordBatch: 3 } as const

/** The tables of an Arrow message. Each offset has to stay within it, or IpcError is thrown. */
export class Flatbuffer {
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
