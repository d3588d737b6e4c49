/** A TypeError or RangeError with a Node code, for an argument that is wrong whatever the server says. */
export function argumentError(
  code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_OUT_OF_RANGE',
  message: string
): TypeError & { code: string } {
  const error = code === 'ERR_OUT_OF_RANGE' ? new RangeError(message) : new TypeError(message)
  return Object.assign(error, { code })
}

/** Refuses option objects with a name that nobody reads: most often a misspelling. */
export function checkOptions(options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'The "options" argument must be an object')
  }
  const unknown = Object.keys(options).filter(name => !known.includes(name))
  if (unknown.length === 0) return
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `Unknown option${unknown.length > 1 ? 's' : ''} ${unknown.map(name => `"${name}"`).join(', ')}. Known: ${known.join(', ')}`
  )
}
