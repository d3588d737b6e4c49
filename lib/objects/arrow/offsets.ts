import { metadataError } from '../fields.js'
import type { Metadata } from '../model.js'
import { viewValues } from './array-fields.js'

/**
 * Reads the offsets of `length` rows from row `first`: row i is [offsets[i], offsets[i + 1]) of the values.
 */
export function readOffsets(
  meta: Metadata,
  bytes: Uint8Array,
  wide: boolean,
  first: number,
  length: number
): Int32Array | BigInt64Array {
  // Readers accept the empty blob for an array without rows.
  if (length === 0) return wide ? new BigInt64Array(1) : new Int32Array(1)
  return viewValues<Int32Array | BigInt64Array>(
    meta,
    'buffer_offsets_',
    bytes,
    wide ? BigInt64Array : Int32Array,
    first,
    length + 1
  )
}

/** Refuses offsets that do not fit. */
export function checkOffsets(meta: Metadata, offsets: Int32Array | BigInt64Array, limit: number): void {
  if (!offsetsFit(offsets, limit)) throw metadataError(meta, '"buffer_offsets_" is out of order or range')
}

/**
 * Whether offsets are in order, from 0 to `limit` (the number of values): every row is then within the values. The halves
 * of 64-bit offsets are read instead of bigint, which takes a fifth of the time.
 */
export function offsetsFit(offsets: Int32Array | BigInt64Array, limit: number): boolean {
  let last = 0
  let ordered = true
  if (offsets instanceof BigInt64Array) {
    const halves = new Uint32Array(offsets.buffer, offsets.byteOffset, offsets.length * 2)
    for (let i = 0; i < halves.length; i += 2) {
      const offset = (halves[i + 1] as number) * 2 ** 32 + (halves[i] as number)
      if (offset < last) ordered = false
      last = offset
    }
  } else {
    for (let i = 0; i < offsets.length; i += 1) {
      const offset = offsets[i] as number
      if (offset < last) ordered = false
      last = offset
    }
  }
  return ordered && last <= limit
}

/**
 * 64-bit offsets as 32-bit ones, or undefined where they do not fit. Halves of the pairs are read instead of
 * bigint, which takes a tenth of the time.
 */
export function narrowOffsets(offsets: BigInt64Array): Int32Array | undefined {
  const halves = new Int32Array(offsets.buffer, offsets.byteOffset, offsets.length * 2)
  const narrow = new Int32Array(offsets.length)
  let excess = 0
  for (let i = 0; i < narrow.length; i += 1) {
    const low = halves[2 * i] as number
    excess |= (halves[2 * i + 1] as number) | (low & 0x80000000)
    narrow[i] = low
  }
  return excess === 0 ? narrow : undefined
}

/** 32-bit offsets as 64-bit ones. */
export function widenOffsets(offsets: Int32Array): BigInt64Array {
  const wide = new BigInt64Array(offsets.length)
  const halves = new Int32Array(wide.buffer)
  for (let i = 0; i < offsets.length; i += 1) halves[2 * i] = offsets[i] as number
  return wide
}

/**
 * Writes rows + 1 offsets as 64-bit integers that begin at 0, into `target` (8 bytes each). `offsets` may
 * have more elements, or none where the rows hold nothing.
 */
export function writeOffsets(
  target: Uint8Array,
  offsets: Int32Array | BigInt64Array | undefined,
  rows: number
): void {
  if (offsets === undefined || offsets.length <= rows) {
    target.fill(0)
    return
  }
  if (offsets instanceof BigInt64Array && offsets[0] === 0n) {
    target.set(new Uint8Array(offsets.buffer, offsets.byteOffset, (rows + 1) * 8))
    return
  }
  const begin = Number(offsets[0])
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength)
  for (let i = 0; i <= rows; i += 1) {
    const offset = Number(offsets[i]) - begin
    view.setUint32(8 * i, offset >>> 0, true)
    view.setUint32(8 * i + 4, Math.floor(offset / 2 ** 32), true)
  }
}
