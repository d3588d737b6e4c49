const parts = new WeakMap<object, number>()

/** Remembers of values that were decoded together which is which. */
export function numberParts(values: readonly object[]): void {
  if (values.length > 1) values.forEach((value, index) => parts.set(value, index))
}

export function partOf(value: object): number | undefined {
  return parts.get(value)
}
