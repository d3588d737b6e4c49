import { Struct } from 'apache-arrow'
import type { Data, RecordBatch, Schema } from 'apache-arrow'
import type { LeaseHandle } from '../../memory/lease.js'
import { maxLength } from '../fields.js'
import { batchNumbers } from './batch-message.js'
import { bitmapBytes } from './bitmap.js'
import { flatColumns, type FlatColumn } from './flat-column.js'
import { lazyBatch, type BatchSource } from './lazy-batch.js'
import { makeColumn } from './leased-data.js'
import { offsetsFit } from './offsets.js'

/** Bytes in front of a message: a marker, and the length of its metadata. */
const frameBytes = 8
/** Of a column are kept: how many nulls, then where each of these is, and its size. */
const place = { bitmap: 1, offsets: 3, values: 5 } as const
const numbersOfColumn = 7
const fixedPlaces = [place.bitmap, place.values]
const offsetPlaces = [place.bitmap, place.offsets, place.values]

type Values = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NodeJS.TypedArray

/**
 * How the Arrow IPC streams that begin with one schema become a batch, without decoding the schema each time and without making
 * columns nobody looks at. For columns without children; whatever else there is, or looks odd, is left to the decoder, which
 * says what is wrong with it.
 */
export class IpcPlan {
  readonly schema: Schema
  readonly #head: Buffer
  readonly #columns: readonly FlatColumn[]
  readonly #buffers: number
  readonly #struct: Struct

  private constructor(head: Buffer, schema: Schema, columns: readonly FlatColumn[]) {
    this.schema = schema
    this.#head = head
    this.#columns = columns
    this.#buffers = columns.reduce((sum, { hasOffsets }) => sum + (hasOffsets ? 3 : 2), 0)
    this.#struct = new Struct(schema.fields)
  }

  /** `head` are the bytes of `schema`, the first message of a stream. */
  static of(head: Buffer, schema: Schema): IpcPlan | undefined {
    const columns = flatColumns(schema.fields.map(({ type }) => type))
    return columns && new IpcPlan(head, schema, columns)
  }

  /** Whether a stream begins with the schema of this plan. */
  suits(bytes: Uint8Array): boolean {
    const head = this.#head
    return bytes.byteLength >= head.byteLength && head.compare(bytes, 0, head.byteLength) === 0
  }

  /**
   * The batch of a stream that this plan suits; it holds the bytes. `newHandle` is asked once it is certain that there will be
   * a batch. Undefined where the stream has to be decoded. Throws IpcError for a damaged message.
   */
  read(bytes: Uint8Array, newHandle: () => LeaseHandle | undefined): RecordBatch | undefined {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const start = this.#head.byteLength + frameBytes
    const length = lengthAt(view, start - frameBytes)
    if (length === undefined || length === 0 || start + length > bytes.byteLength) return undefined
    const places = batchNumbers(bytes.subarray(start, start + length))
    if (places?.rows === undefined || places.bodyLength === undefined) return undefined
    const { nodes, buffers } = places
    if (nodes.length !== this.#columns.length || buffers.length !== this.#buffers) return undefined
    const rows = int64(view, start + places.rows)
    const bodyLength = int64(view, start + places.bodyLength)
    const body = start + length
    const end = body + bodyLength
    if (!(rows >= 0 && rows <= maxLength && end <= bytes.byteLength && endsAt(view, end))) return undefined
    const numbers = new Float64Array(numbersOfColumn * this.#columns.length)
    let node = start + nodes.start
    let buffer = start + buffers.start
    let at = 0
    for (const column of this.#columns) {
      const nulls = int64(view, node + 8)
      if (int64(view, node) !== rows || !(nulls >= 0 && nulls <= rows)) return undefined
      numbers[at] = nulls
      for (const index of column.hasOffsets ? offsetPlaces : fixedPlaces) {
        const offset = int64(view, buffer)
        const size = int64(view, buffer + 8)
        if (!(offset >= 0 && size >= 0 && offset + size <= bodyLength)) return undefined
        numbers[at + index] = body + offset
        numbers[at + index + 1] = size
        buffer += 16
      }
      if (!holds(bytes, rows, column, numbers, at)) return undefined
      node += 16
      at += numbersOfColumn
    }
    return lazyBatch(new IpcColumns(this, bytes, rows, numbers), rows, newHandle())
  }

  /** @internal The struct of the columns, when they are wanted. */
  columns(bytes: Uint8Array, rows: number, numbers: Float64Array, handle: LeaseHandle | undefined): Data {
    // The buffers are gone, and what looks at them finds out before it does.
    const gone = handle?.released === true
    const children = this.#columns.map((column, i) => {
      const at = numbersOfColumn * i
      const nulls = numbers[at] as number
      return makeColumn(handle, {
        type: column.type,
        length: rows,
        // A writer's count could be false: it is counted when somebody asks.
        nullCount: nulls > 0 ? -1 : 0,
        buffers: gone ? [] : buffersOf(bytes, rows, column, numbers, at)
      })
    })
    return makeColumn(handle, { type: this.#struct, length: rows, nullCount: 0, buffers: [], children })
  }
}

/** The columns of one stream. */
class IpcColumns implements BatchSource {
  readonly #plan: IpcPlan
  readonly #bytes: Uint8Array
  readonly #rows: number
  readonly #numbers: Float64Array

  constructor(plan: IpcPlan, bytes: Uint8Array, rows: number, numbers: Float64Array) {
    this.#plan = plan
    this.#bytes = bytes
    this.#rows = rows
    this.#numbers = numbers
  }

  get schema(): Schema {
    return this.#plan.schema
  }

  columns(handle: LeaseHandle | undefined): Data {
    return this.#plan.columns(this.#bytes, this.#rows, this.#numbers, handle)
  }
}

/** Whether the buffers of a column, whose numbers begin at `at`, have all the bytes its rows need, where they can be looked at. */
function holds(
  bytes: Uint8Array,
  rows: number,
  { width, hasOffsets }: FlatColumn,
  numbers: Float64Array,
  at: number
): boolean {
  const number = (index: number): number => numbers[at + index] as number
  const { bitmap, offsets, values } = place
  if (number(0) > 0 && number(bitmap + 1) < bitmapBytes(rows)) return false
  const isAligned = (index: number, size: number): boolean => (bytes.byteOffset + number(index)) % size === 0
  if (!hasOffsets) {
    const needed = width === 0 ? bitmapBytes(rows) : rows * width
    return number(values + 1) >= needed && (width === 0 || isAligned(values, width))
  }
  const { BYTES_PER_ELEMENT: size } = Int32Array
  if (!isAligned(offsets, size) || number(offsets + 1) < (rows + 1) * size) return false
  return offsetsFit(
    new Int32Array(bytes.buffer, bytes.byteOffset + number(offsets), rows + 1),
    number(values + 1)
  )
}

function buffersOf(
  { buffer, byteOffset }: Uint8Array,
  rows: number,
  { type, width, hasOffsets }: FlatColumn,
  numbers: Float64Array,
  at: number
): Parameters<typeof makeColumn>[1]['buffers'] {
  const start = (index: number): number => byteOffset + (numbers[at + index] as number)
  const nullBitmap =
    (numbers[at] as number) > 0 ? new Uint8Array(buffer, start(place.bitmap), bitmapBytes(rows)) : undefined
  if (hasOffsets) {
    const offsets = new Int32Array(buffer, start(place.offsets), rows + 1)
    return [offsets, new Uint8Array(buffer, start(place.values), numbers[at + place.values + 1]), nullBitmap]
  }
  const Values = type.ArrayType as unknown as Values
  const values =
    width === 0
      ? new Uint8Array(buffer, start(place.values), bitmapBytes(rows))
      : new Values(buffer, start(place.values), rows)
  return [undefined, values, nullBitmap]
}

/** The length of the metadata of a message; undefined where the marker in front of it is missing. */
function lengthAt(view: DataView, position: number): number | undefined {
  if (position + frameBytes > view.byteLength || view.getInt32(position, true) !== -1) return undefined
  const length = view.getInt32(position + 4, true)
  return length < 0 ? undefined : length
}

/** Whether no message follows. */
function endsAt(view: DataView, position: number): boolean {
  return position + 4 > view.byteLength || lengthAt(view, position) === 0
}

/** NaN for numbers that are no size of anything. */
function int64(view: DataView, position: number): number {
  const high = view.getInt32(position + 4, true)
  return high < 0 || high >= 2 ** 21 ? NaN : high * 2 ** 32 + view.getUint32(position, true)
}
