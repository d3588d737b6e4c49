/** Bitmaps as Arrow has them: bit i of byte i >> 3, lowest first. */

export function bitmapBytes(bits: number): number {
  return Math.ceil(bits / 8)
}

/**
 * Writes `length` bits from bit `offset` of `source` to the start of `target`, whose size is
 * `bitmapBytes(length)`. Bits that the source does not have, and those behind the last, become 0.
 */
export function copyBits(
  target: Uint8Array,
  source: Uint8Array | undefined,
  offset: number,
  length: number
): void {
  const first = offset >> 3
  const shift = offset & 7
  const bytes = source ?? new Uint8Array(0)
  if (shift === 0) {
    const part = bytes.subarray(first, first + target.length)
    target.set(part)
    target.fill(0, part.length)
  } else {
    for (let i = 0; i < target.length; i += 1) {
      target[i] = ((bytes[first + i] ?? 0) >> shift) | ((bytes[first + i + 1] ?? 0) << (8 - shift))
    }
  }
  const rest = length & 7
  if (rest !== 0) target[target.length - 1] = (target[target.length - 1] as number) & ((1 << rest) - 1)
}

/** A bitmap with a bit for each value that `isSet` says. */
export function bitmapOf(length: number, isSet: (index: number) => boolean): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(length))
  for (let i = 0; i < length; i += 1) {
    if (isSet(i)) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7))
  }
  return bits
}

export function bit(bitmap: Uint8Array, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
}
