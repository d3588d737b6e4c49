import { Data } from 'apache-arrow'
import type { DataType, RecordBatch, Schema } from 'apache-arrow'
import { batchNumbers } from '../objects/arrow/batch-message.js'
import { bitmapBytes, copyBits } from '../objects/arrow/bitmap.js'
import { checkIpc } from '../objects/arrow/ipc-check.js'
import { flatColumns, type FlatColumn } from '../objects/arrow/flat-column.js'
import { RowBatch } from '../objects/arrow/row-batch.js'
import { BlobDraft } from '../objects/model.js'
import { ipcDraft, joinInto } from './ipc-draft.js'

/** Buffers begin at multiples of this in a body. */
const alignment = 8
/** Bytes in front of a message: a marker, and the length of its metadata. */
const frameBytes = 8
/** Streams of up to so many bytes are put together in one piece, which costs less than several copies to shared memory. */
const smallBytes = 8 * 1024
const { BYTES_PER_ELEMENT: offsetBytes } = Int32Array

/** Where the numbers of the batch's message stand in the head of a stream. */
interface Places {
  rows: number
  bodyLength: number
  nodes: number
  buffers: number
}

/**
 * The Arrow IPC streams of the batches of one schema: what stands in front of the body is the same but for its numbers, so it is
 * encoded once. For columns without children.
 */
export class IpcLayout {
  readonly #columns: readonly FlatColumn[]
  /** Schema, and the metadata of a batch. */
  readonly #head: Uint8Array
  readonly #end: Uint8Array
  readonly #places: Places

  private constructor(columns: readonly FlatColumn[], head: Uint8Array, end: Uint8Array, places: Places) {
    this.#columns = columns
    this.#head = head
    this.#end = end
    this.#places = places
  }

  /** The layout of batches with this schema, whose columns have these types; undefined where they are not flat. */
  static of(schema: Schema, types: readonly DataType[]): IpcLayout | undefined {
    const columns = flatColumns(types)
    if (columns === undefined) return undefined
    const sample = sampleOf(schema, columns)
    const bytes = bytesOf(ipcDraft(sample))
    const start = checkIpc(bytes, { schemaOnly: true }) + frameBytes
    const length = new DataView(bytes.buffer).getInt32(start - 4, true)
    const { rows, bodyLength, nodes, buffers } = batchNumbers(bytes.subarray(start, start + length)) ?? {}
    if (rows === undefined || bodyLength === undefined || nodes === undefined || buffers === undefined)
      return undefined
    const body = start + length
    const end = body + new DataView(bytes.buffer).getInt32(start + bodyLength, true)
    const layout = new IpcLayout(columns, bytes.slice(0, body), bytes.slice(end), {
      rows: start + rows,
      bodyLength: start + bodyLength,
      nodes: start + nodes.start,
      buffers: start + buffers.start
    })
    const draft = layout.draft(sample)
    return draft !== undefined && Buffer.compare(bytesOf(draft), bytes) === 0 ? layout : undefined
  }

  /** The stream of a batch, whose memory it keeps. Undefined where apache-arrow has to encode it: without rows, all null, damaged. */
  draft(batch: RecordBatch): BlobDraft | undefined {
    const rows = batch.numRows
    const columns = batch.data.children as readonly Data[]
    if (rows === 0 || columns.length !== this.#columns.length) return undefined
    const head = this.#head.slice()
    const view = new DataView(head.buffer)
    const body = new Body(view, this.#places.buffers)
    for (let i = 0; i < columns.length; i += 1) {
      const column = columns[i]
      if (column?.length !== rows || !addColumn(body, column, this.#columns[i] as FlatColumn))
        return undefined
      setInt64(view, this.#places.nodes + 16 * i, rows)
      setInt64(view, this.#places.nodes + 16 * i + 8, column.nullCount)
    }
    setInt64(view, this.#places.rows, rows)
    setInt64(view, this.#places.bodyLength, body.size)
    return draftOf([head, ...body.pieces, this.#end], head.length + body.size + this.#end.length)
  }
}

/** The buffers of a batch. Notes where each is in the message. */
class Body {
  readonly pieces: Uint8Array[] = []
  size = 0
  readonly #view: DataView
  #place: number

  constructor(view: DataView, place: number) {
    this.#view = view
    this.#place = place
  }

  add(bytes: Uint8Array): void {
    const padding = -bytes.length & (alignment - 1)
    setInt64(this.#view, this.#place, this.size)
    setInt64(this.#view, this.#place + 8, bytes.length + padding)
    this.#place += 16
    if (bytes.length > 0) this.pieces.push(bytes)
    if (padding > 0) this.pieces.push(zeroes.subarray(0, padding))
    this.size += bytes.length + padding
  }
}

const zeroes = new Uint8Array(alignment)
const nothing = new Uint8Array(0)

/** False where the column does not have the buffers that its rows need. */
function addColumn(body: Body, column: Data, { width, hasOffsets }: FlatColumn): boolean {
  const { length: rows, offset, nullCount, nullBitmap } = column
  const values = column.values as NodeJS.TypedArray | undefined
  if (values === undefined || nullCount >= rows) return false
  if (nullCount === 0) body.add(nothing)
  else if (!addBits(body, nullBitmap, offset, rows)) return false
  if (width === 0) return addBits(body, values as Uint8Array, offset, rows)
  if (!hasOffsets) return addBytes(body, values, 0, rows * width)
  const offsets = column.valueOffsets as unknown as Int32Array | undefined
  // Those of a slice begin elsewhere, and would have to be made anew.
  if (offsets === undefined || offsets[0] !== 0 || offsets.length <= rows) return false
  const size = offsets[rows] as number
  return addBytes(body, offsets, 0, (rows + 1) * offsetBytes) && size >= 0 && addBytes(body, values, 0, size)
}

function addBytes(
  body: Body,
  { buffer, byteOffset, byteLength }: NodeJS.TypedArray,
  first: number,
  size: number
): boolean {
  if (byteLength < first + size) return false
  body.add(new Uint8Array(buffer, byteOffset + first, size))
  return true
}

/** Bits from bit `offset` on. */
function addBits(body: Body, bits: Uint8Array | undefined, offset: number, rows: number): boolean {
  if (bits === undefined || bits.length < bitmapBytes(offset + rows)) return false
  const size = bitmapBytes(rows)
  if (offset % 8 === 0) return addBytes(body, bits, offset / 8, size)
  const shifted = new Uint8Array(size)
  copyBits(shifted, bits, offset, rows)
  body.add(shifted)
  return true
}

function draftOf(pieces: readonly Uint8Array[], size: number): BlobDraft {
  const joined = size <= smallBytes ? [Buffer.concat(pieces, size)] : pieces
  return new BlobDraft(size, target => joinInto(target, joined), joined)
}

function bytesOf(draft: BlobDraft): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(draft.size)
  draft.fill(bytes)
  return bytes
}

/** One row of zeroes, which is a value of every flat type: its message leaves no number out. */
function sampleOf(schema: Schema, columns: readonly FlatColumn[]): RecordBatch {
  const data = columns.map(({ type, hasOffsets }) => {
    const values = hasOffsets
      ? Uint8Array.of(0)
      : new (type.ArrayType as new (length: number) => NodeJS.TypedArray)(1)
    const offsets = hasOffsets ? Int32Array.of(0, 1) : undefined
    return new Data(type, 0, 1, 0, [offsets, values] as never)
  })
  return new RowBatch(schema, schema.fields, data, 1, undefined)
}

function setInt64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true)
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
}
