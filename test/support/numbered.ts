import { makeVector, type RecordBatch } from 'apache-arrow'
import { batchOf } from './batches.js'

/** One value in this many carries the number: every page of memory has one, and a large chunk is soon checked. */
const stride = 1024

/** Writes `number` all over `values`. */
export function stamp(values: Int32Array, number: number): Int32Array {
  for (let index = 0; index < values.length; index += stride) values[index] = number
  if (values.length > 0) values[values.length - 1] = number
  return values
}

/** A batch of about `bytes` bytes that carries a number all over. */
export function numberedBatch(
  number: number,
  bytes: number,
  values = new Int32Array(bytes / 4)
): RecordBatch {
  return batchOf({ n: makeVector(stamp(values, number)) })
}

/** The number that a batch carries, or NaN if its memory has been used for something else. */
export function numberOf(batch: RecordBatch): number {
  const values = batch.data.children[0]?.values as Int32Array
  const number = values[0] as number
  for (let index = 0; index < values.length; index += stride) if (values[index] !== number) return NaN
  return values.at(-1) === number ? number : NaN
}
