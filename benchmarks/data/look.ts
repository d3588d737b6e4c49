import type { RecordBatch } from 'apache-arrow'
import type { Chunk } from '../model.js'

/** The number a chunk was made with: the one value that a reader looks at. */
export function numberOf(chunk: Chunk): number {
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, 4).readUInt32LE()
  return Number((chunk as RecordBatch<any>).getChildAt(0)?.get(0))
}

function sumOfWords(values: ArrayBufferView): number {
  const { buffer, byteOffset, byteLength } = values
  if (byteOffset % 4 !== 0) return sumOfBytes(new Uint8Array(buffer, byteOffset, byteLength))
  const words = new Uint32Array(buffer, byteOffset, byteLength >> 2)
  let sum = 0
  for (let i = 0; i < words.length; i += 1) sum += words[i]!
  return sum
}

function sumOfBytes(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 1) sum += bytes[i]!
  return sum
}

function sumOfFloats(values: Float64Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i += 1) sum += values[i]!
  return sum
}

/** Reads every value of a chunk, column by column as a program with numbers to crunch would: through typed arrays. */
export function sumOf(chunk: Chunk): number {
  if (chunk instanceof Uint8Array) return sumOfWords(chunk)
  let sum = 0
  for (const data of (chunk as RecordBatch<any>).data.children) {
    const values = data.values as ArrayBufferView
    sum += values instanceof Float64Array ? sumOfFloats(values) : sumOfWords(values)
    if (data.valueOffsets) sum += sumOfWords(data.valueOffsets as Int32Array)
  }
  return sum
}
