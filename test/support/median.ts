/** The one in the middle of some numbers. */
export function median(numbers: readonly number[]): number {
  return quantile(numbers, 1 / 2)
}

/** What nine of ten numbers are no more than. */
export function nineTenthsOf(numbers: readonly number[]): number {
  return quantile(numbers, 9 / 10)
}

function quantile(numbers: readonly number[], share: number): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length * share)] ?? NaN
}
