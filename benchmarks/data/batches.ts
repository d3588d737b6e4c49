import {
  Bool,
  Field,
  Float64,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
  vectorFromArray,
  type Data
} from 'apache-arrow'
import type { Chunk, Work } from '../model.js'

/** Twice what the third-level cache of the machines in question holds: going around in it always reads from memory. */
const uncached = 64 * 2 ** 20
const maxDistinct = 1024

const numberFields = [
  new Field('int', new Int64(), false),
  new Field('float', new Float64(), false),
  new Field('bool', new Bool(), false)
]
const stringFields = [
  ...numberFields,
  new Field('maybe', new Float64(), true),
  new Field('text', new Utf8(), false),
  new Field('note', new Utf8(), true)
]

function numberColumns(rows: number, number: number): Data[] {
  const ints = new BigInt64Array(rows)
  const low = new Int32Array(ints.buffer)
  const floats = new Float64Array(rows)
  const bits = new Uint8Array(Math.ceil(rows / 8))
  for (let row = 0; row < rows; row += 1) {
    low[2 * row] = number + row
    floats[row] = number + row / 2
    if ((number + row) % 3 === 0) bits[row >> 3]! |= 1 << (row & 7)
  }
  return [
    makeData({ type: new Int64(), length: rows, nullCount: 0, data: ints }),
    makeData({ type: new Float64(), length: rows, nullCount: 0, data: floats }),
    makeData({ type: new Bool(), length: rows, nullCount: 0, data: bits })
  ]
}

function stringColumns(rows: number, number: number): Data[] {
  const texts = new Array<string>(rows)
  const notes = new Array<string | null>(rows)
  const maybe = new Array<number | null>(rows)
  for (let row = 0; row < rows; row += 1) {
    texts[row] = `row ${number + row}`
    notes[row] = row % 4 === 1 ? null : 'é'.repeat(row % 7)
    maybe[row] = row % 5 === 1 ? null : row
  }
  return [
    vectorFromArray(maybe, new Float64()).data[0]!,
    vectorFromArray(texts, new Utf8()).data[0]!,
    vectorFromArray(notes, new Utf8()).data[0]!
  ]
}

/** A batch whose first integer is `number`, and whose values all depend on it. */
export function makeBatch(rows: number, columns: 'numbers' | 'strings', number: number): RecordBatch {
  const fields = columns === 'numbers' ? numberFields : stringFields
  const children = numberColumns(rows, number)
  if (columns === 'strings') children.push(...stringColumns(rows, number))
  const data = makeData({ type: new Struct(fields), length: rows, nullCount: 0, children })
  return new RecordBatch(new Schema(fields), data)
}

/** Bytes of values in a batch of numbers; what strings and nulls add is not counted. */
export function chunkBytes(work: Work): number {
  return work.stream === 'byte' ? work.size : work.size * 16 + Math.ceil(work.size / 8)
}

/** How many different chunks a source goes around in. */
export function distinctChunks(work: Work): number {
  if (work.source === 'cached') return 1
  return Math.min(maxDistinct, Math.max(4, Math.ceil(uncached / chunkBytes(work))))
}

/** A chunk of bytes that begins with its number, 32 bits little endian. */
function makeBytes(size: number, number: number): Uint8Array {
  const bytes = new Uint8Array(size).fill((number % 255) + 1)
  new DataView(bytes.buffer).setUint32(0, number, true)
  return bytes
}

/** The chunks of a producer, in the order they are sent in, over and over. */
export function makeChunks(work: Work): Chunk[] {
  const { stream, size, columns = 'numbers' } = work
  return Array.from({ length: distinctChunks(work) }, (_, number) =>
    stream === 'byte' ? makeBytes(size, number) : makeBatch(size, columns, number)
  )
}

export function* endlessly<T>(values: readonly T[]): Generator<T, never> {
  for (;;) yield* values
}
