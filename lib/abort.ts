/** Node's own AbortError, which it does not export: same name, code and cause. */
export class AbortError extends Error {
  override readonly name = 'AbortError'
  readonly code = 'ABORT_ERR'

  constructor(reason?: unknown) {
    super('The operation was aborted', reason === undefined ? undefined : { cause: reason })
  }
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortError(signal.reason)
}

/**
 * The result of `promise`, or an AbortError as soon as `signal` aborts. The work behind the promise goes on: what it
 * produces after an abort goes to `abandoned`.
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  abandoned?: (value: T) => void
): Promise<T> {
  if (signal === undefined) return promise
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      reject(new AbortError(signal.reason))
      promise.then(abandoned, () => {})
    }
    if (signal.aborted) {
      onAbort()
      return
    }
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(
      value => {
        signal.removeEventListener('abort', onAbort)
        resolve(value)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      }
    )
  })
}

/**
 * The same for work that calls `taken` when it takes something that only its caller can have: an abort after that comes too
 * late, however many steps the result still has to go.
 */
export function abortableUntilTaken<T>(
  work: (taken: () => void) => Promise<T>,
  signal: AbortSignal
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(new AbortError(signal.reason))
    const stopListening = (): void => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort, { once: true })
    work(stopListening).then(resolve, reject).finally(stopListening)
  })
}

/** How long, in ms, an abort waits for the outcome of what has been sent already. */
const sentGraceMs = 500

/**
 * The same for work that heeds `signal` itself wherever it waits for somebody else: its outcome counts, unless the server
 * does not tell it within `sentGraceMs` of the abort.
 */
export async function abortableSoon<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const ending = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onAbort = (): void => {
    timer = setTimeout(() => ending.abort(signal.reason), sentGraceMs)
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await abortable(work, ending.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
