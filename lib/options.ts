/** A TypeError or RangeError with a Node code, for an argument that is wrong whatever the server says. */
export function argumentError(
  code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE',
  message: string
): TypeError & { code: string } {
  const error = code === 'ERR_OUT_OF_RANGE' ? new RangeError(message) : new TypeError(message)
  return Object.assign(error, { code })
}

/**
 * Refuses option objects with a name that nobody reads, most often a misspelling, and a `signal` that is none. `internal`
 * are names that are read and not told of.
 */
export function checkOptions(
  options: unknown,
  known: readonly string[],
  internal: readonly string[] = []
): void {
  checkIsObject(options)
  const unknown = Object.keys(options).filter(name => !known.includes(name) && !internal.includes(name))
  if (unknown.length === 0) {
    checkSignal((options as { signal?: unknown }).signal)
    return
  }
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `Unknown option${unknown.length > 1 ? 's' : ''} ${unknown.map(name => `"${name}"`).join(', ')}. Known: ${known.join(', ')}`
  )
}

export function checkIsObject(options: unknown): asserts options is object {
  if (typeof options === 'object' && options !== null) return
  throw argumentError('ERR_INVALID_ARG_TYPE', 'The "options" argument must be an object')
}

/** As Node does: whatever has an `aborted` is taken for a signal, those of other realms and polyfills too. */
function checkSignal(signal: unknown): void {
  if (signal === undefined || (typeof signal === 'object' && signal !== null && 'aborted' in signal)) return
  throw argumentError(
    'ERR_INVALID_ARG_TYPE',
    `The "signal" option must be an AbortSignal. Received ${String(signal)}`
  )
}
