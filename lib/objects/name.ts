import type { Metadata } from './model.js'

/** The name of an object, if it has one. `__name` is escaped as in a JSON pointer. */
export function nameOf(meta: Metadata): string | undefined {
  const name = meta['__name']
  return typeof name === 'string' ? name.replaceAll('~1', '/').replaceAll('~0', '~') : undefined
}
