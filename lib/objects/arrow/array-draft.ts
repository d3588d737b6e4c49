import type { Data } from 'apache-arrow'
import { VineyardError } from '../../errors.js'
import type { JsonValue } from '../../protocol/json.js'
import { BlobDraft, ObjectDraft } from '../model.js'
import type { Draft } from '../model.js'
import { bitmapBytes, copyBits } from './bitmap.js'
import { writeOffsets } from './offsets.js'

/**
 * The draft of an Arrow array: the rows of `data` and nothing else of its buffers, `offset_` 0, and no bitmap
 * (the empty blob) where no row is null.
 */
export function arrayDraft(
  typename: string,
  data: Data,
  members: Readonly<Record<string, Draft>>,
  fields: Readonly<Record<string, JsonValue>> = {}
): ObjectDraft {
  const { length, nullCount } = data
  const bitmap = nullCount > 0 ? bitsDraft(data.nullBitmap, data.offset, length) : BlobDraft.empty
  const blobs = Object.values(members).filter(member => member instanceof BlobDraft)
  const nbytes = blobs.reduce((sum, blob) => sum + blob.size, bitmap.size)
  return new ObjectDraft(
    typename,
    { length_: length, null_count_: nullCount, offset_: 0, nbytes, ...fields },
    { ...members, null_bitmap_: bitmap }
  )
}

/** `length` bits from bit `offset`. */
export function bitsDraft(bits: Uint8Array | undefined, offset: number, length: number): BlobDraft {
  if (length === 0) return BlobDraft.empty
  return new BlobDraft(bitmapBytes(length), target => copyBits(target, bits, offset, length))
}

/** The first `size` bytes of `values`. Rows that are all null may come without values: they become zeroes. */
export function valuesDraft(values: NodeJS.TypedArray | undefined, size: number): BlobDraft {
  if (size === 0) return BlobDraft.empty
  return new BlobDraft(size, target => {
    const given = Math.min(values?.byteLength ?? 0, size)
    if (values !== undefined) target.set(new Uint8Array(values.buffer, values.byteOffset, given))
    if (given < size) target.fill(0, given)
  })
}

/** Offsets of the rows of `data`, as 64-bit integers from 0. */
export function offsetsDraft(data: Data): BlobDraft {
  const { length } = data
  const offsets = data.valueOffsets as Int32Array | BigInt64Array | undefined
  return new BlobDraft((length + 1) * 8, target => writeOffsets(target, offsets, length))
}

/**
 * The range of values that the rows of `data` cover. Refuses data whose offsets are not within its values.
 */
export function coveredRange(data: Data, available: number): { begin: number; end: number } {
  const offsets = data.valueOffsets as Int32Array | BigInt64Array | undefined
  if (offsets === undefined || offsets.length <= data.length) return { begin: 0, end: 0 }
  const begin = Number(offsets[0])
  const end = Number(offsets[data.length])
  if (begin < 0 || begin > end || end > available) {
    throw new VineyardError('ERR_VINEYARD_TYPE', 'the offsets of this array are not within its values')
  }
  return { begin, end }
}
