import { createContext, Script } from 'node:vm'
import { Glob } from './glob.js'
import { RequestError } from './request-error.js'

/**
 * A regular expression may take this long for all texts of a request, in ms of processor time: some never end, and would stop
 * the store. Only what has passed on the clock ends it, so where others had the processor it is tried again, so many times.
 */
const patience = 200
const attempts = 10

/** And a glob this many comparisons beyond what a plain one takes: with many stars and long texts it would not end either. */
const maxSteps = 20_000_000
/** Longer patterns are refused. */
const maxPattern = 64 * 1024

const filter = new Script('texts.map(text => { expression.lastIndex = 0; return expression.test(text) })')

/**
 * Which of `texts` a pattern of a request matches: a glob, or a regular expression that must match the whole text.
 * A pattern that is no expression matches nothing, as upstream has it. Throws 1 where matching takes too long.
 */
export function matchAll(pattern: string, isRegex: boolean, texts: readonly string[]): boolean[] {
  if (pattern.length > maxPattern)
    throw RequestError.invalid(`a pattern must not be longer than ${maxPattern}`)
  if (!isRegex) {
    const glob = new Glob(pattern)
    const length = texts.reduce((sum, text) => sum + text.length, 0)
    const budget = { steps: maxSteps + 4 * length }
    const matches = texts.map(text => glob.matches(text, budget))
    if (budget.steps <= 0) throw tooLong()
    return matches
  }
  let expression: RegExp
  try {
    expression = new RegExp(`^(?:${pattern})$`)
  } catch {
    return texts.map(() => false)
  }
  if (texts.length === 0) return []
  const context = createContext({ texts, expression })
  for (let attempt = 0, left = patience; attempt < attempts && left >= 1; attempt += 1) {
    const before = process.cpuUsage()
    try {
      return filter.runInContext(context, { timeout: Math.ceil(left) }) as boolean[]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') break
    }
    // Of all threads: what others have taken counts as well, and ends it sooner.
    const { user, system } = process.cpuUsage(before)
    left -= (user + system) / 1000
  }
  throw tooLong()
}

function tooLong(): RequestError {
  return RequestError.invalid('matching the pattern takes too long')
}
