import { VineyardError } from '../errors.js'
import { startTimer } from '../timer.js'

/**
 * `work`, whose waits for room in the window and in memory end after `ms` with ERR_VINEYARD_TIMEOUT, as with `signal`. What
 * waits for nothing ends as it does without.
 */
export function roomWithin<T>(
  ms: number | undefined,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  return ms === undefined ? work(signal) : limited(ms, signal, work)
}

async function limited<T>(
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  const idle = new AbortController()
  const timer = startTimer(ms, () =>
    idle.abort(new VineyardError('ERR_VINEYARD_TIMEOUT', `no room for a chunk within ${ms} ms`))
  )
  try {
    return await work(AbortSignal.any([signal, idle.signal]))
  } catch (error) {
    throw idle.signal.aborted && !signal.aborted ? (idle.signal.reason as VineyardError) : error
  } finally {
    clearTimeout(timer)
  }
}
