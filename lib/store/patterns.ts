import { createContext, Script } from 'node:vm'
import { Glob } from './glob.js'
import { RequestError } from './request-error.js'

/** A regular expression may take this long for all texts of a request, in ms: some never end, and would stop the store. */
const patience = 200

const filter = new Script('texts.map(text => { expression.lastIndex = 0; return expression.test(text) })')

/**
 * Which of `texts` a pattern of a request matches: a glob, or a regular expression that must match the whole text.
 * A pattern that is no expression matches nothing, as upstream has it. Throws 1 where matching takes too long.
 */
export function matchAll(pattern: string, isRegex: boolean, texts: readonly string[]): boolean[] {
  if (!isRegex) {
    const glob = new Glob(pattern)
    return texts.map(text => glob.matches(text))
  }
  let expression: RegExp
  try {
    expression = new RegExp(`^(?:${pattern})$`)
  } catch {
    return texts.map(() => false)
  }
  if (texts.length === 0) return []
  try {
    return filter.runInContext(createContext({ texts, expression }), { timeout: patience }) as boolean[]
  } catch {
    throw RequestError.invalid('matching the regular expression takes too long')
  }
}
