/** Pieces of at most `size` elements, in order: the store does not take more with one request. */
export function divide<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  if (all.length <= size) return [all]
  const pieces: (readonly T[])[] = []
  for (let i = 0; i < all.length; i += size) pieces.push(all.slice(i, i + size))
  return pieces
}
