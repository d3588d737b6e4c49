import { metadataError, count, integer } from '../fields.js'
import type { Metadata, ReadContext } from '../model.js'

/** The fields that all Arrow arrays with values have. */
export interface ArrayFields {
  /** Rows. */
  length: number
  /** First row within the buffers, which are those of the whole parent of a slice. */
  offset: number
  nullBitmap: Uint8Array | undefined
  /** 0, or -1 where it has to be counted: a writer's count could be false. */
  nullCount: number
}

/** Reads `length_`, `offset_`, `null_count_` and `null_bitmap_` (1 = valid, bit i + offset, lowest first). */
export function arrayFields(meta: Metadata, context: ReadContext): ArrayFields {
  const length = count(meta, 'length_')
  const offset = integer(meta, 'offset_', 0)
  // -1: not counted. 0 hides a bitmap.
  const declared = integer(meta, 'null_count_', -1)
  if (declared > length) throw metadataError(meta, '"null_count_" is more than "length_"')
  if (declared === 0 || length === 0) return { length, offset, nullBitmap: undefined, nullCount: 0 }
  const nullBitmap = context.blob(meta, 'null_bitmap_')
  if (nullBitmap.byteLength === 0 && declared === -1) {
    return { length, offset, nullBitmap: undefined, nullCount: 0 }
  }
  requireBytes(meta, 'null_bitmap_', nullBitmap, Math.ceil((offset + length) / 8))
  return { length, offset, nullBitmap, nullCount: -1 }
}

export function requireBytes(meta: Metadata, key: string, bytes: Uint8Array, needed: number): void {
  if (bytes.byteLength >= needed) return
  throw metadataError(meta, `"${key}" has ${bytes.byteLength} bytes where ${needed} are needed`)
}

interface TypedArrayConstructor<T> {
  readonly BYTES_PER_ELEMENT: number
  new (length: number): T
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
}

/**
 * `length` values from value `first` of a blob, without copying: blobs start at 64-byte boundaries. Where
 * they do not (a copy in the middle of a buffer) the values are copied, because a typed array needs its
 * alignment.
 */
export function viewValues<T extends NodeJS.TypedArray>(
  meta: Metadata,
  key: string,
  bytes: Uint8Array,
  type: TypedArrayConstructor<T>,
  first: number,
  length: number
): T {
  const size = type.BYTES_PER_ELEMENT
  if (length === 0) return new type(0)
  requireBytes(meta, key, bytes, (first + length) * size)
  const start = bytes.byteOffset + first * size
  if (start % size === 0) return new type(bytes.buffer, start, length)
  return new type(bytes.buffer.slice(start, start + length * size), 0, length)
}
