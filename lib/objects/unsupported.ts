import { VineyardError } from '../errors.js'

/** A value's type as a reader of an error message knows it. */
export function typeNameOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return `a value of type ${typeof value}`
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null)?.constructor
    ?.name
  return typeof name === 'string' && name !== '' ? `a value of type ${name}` : 'an object without a prototype'
}

/** Runs `describe`, and says where in a value it was if it refuses. */
export function located<T>(place: string, describe: () => T): T {
  try {
    return describe()
  } catch (error) {
    if (!(error instanceof VineyardError) || error.code !== 'ERR_VINEYARD_TYPE') throw error
    throw new VineyardError('ERR_VINEYARD_TYPE', `${place}: ${error.message}`, { cause: error.cause })
  }
}
