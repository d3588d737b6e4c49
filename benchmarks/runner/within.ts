import type { Pace } from '../trial.js'

/** Longest time that a measurement may take beyond what it is meant to, in ms. */
const patience = 30_000

/** Fails a measurement that has got stuck. */
export async function within<T>({ warmUp, measure }: Pace, work: Promise<T>, what: string): Promise<T> {
  const ms = warmUp + measure + patience
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing was measured within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
