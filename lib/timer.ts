/** The longest time that a timer of Node's can hold, in ms: some 25 days. Anything longer, Infinity too, would be 1 ms. */
export const longestTime = 2 ** 31 - 1

/** Calls `then` after so many ms: never after Infinity, and after `longestTime` where it is more than that. */
export function startTimer(ms: number, then: () => void): NodeJS.Timeout | undefined {
  return ms === Infinity ? undefined : setTimeout(then, Math.min(ms, longestTime))
}
