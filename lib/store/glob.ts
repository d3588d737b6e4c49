/** The classes that a bracket expression can name. */
const classes: Readonly<Record<string, RegExp>> = {
  alnum: /[A-Za-z0-9]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /\p{Cc}/u,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t-\r]/,
  upper: /[A-Z]/,
  xdigit: /[A-Fa-f0-9]/
}

/** How many characters may still be compared. */
export interface Budget {
  steps: number
}

/** One position of a pattern: any run of characters, or a test of one character. */
type Step = '*' | ((c: string) => boolean)

/**
 * Shell wildcards as POSIX fnmatch() without flags reads them: `*`, `?`, `[...]` with ranges, classes and `!`, and the
 * backslash. The work for one text is bounded by the lengths of pattern and text multiplied.
 */
export class Glob {
  readonly #steps: Step[] = []
  /** A pattern that fnmatch() matches with nothing: it ends in a backslash. */
  #broken = false

  constructor(pattern: string) {
    const characters = [...pattern]
    for (let i = 0; i < characters.length; i += 1) {
      const c = characters[i]!
      if (c === '*') {
        if (this.#steps.at(-1) !== '*') this.#steps.push('*')
      } else if (c === '?') {
        this.#steps.push(() => true)
      } else if (c === '\\') {
        i += 1
        const literal = characters[i]
        if (literal === undefined) this.#broken = true
        this.#steps.push(x => x === literal)
      } else {
        const bracket = c === '[' ? readBracket(characters, i) : undefined
        this.#steps.push(bracket ? bracket.test : x => x === c)
        if (bracket) i = bracket.end
      }
    }
  }

  /** `budget` is what may be spent on this and further texts; it is used up step by step, and never goes below 0. */
  matches(text: string, budget: Budget = { steps: Infinity }): boolean {
    if (this.#broken) return false
    const steps = this.#steps
    let step = 0
    let position = 0
    // Where to go on when what follows the last star does not match: one character later.
    let star = -1
    let retry = 0
    while (position < text.length) {
      if (budget.steps <= 0) return false
      budget.steps -= 1
      const current = steps[step]
      if (current === '*') {
        if (step === steps.length - 1) return true
        star = step
        retry = position
        step += 1
        continue
      }
      const c = characterAt(text, position)
      if (current?.(c)) {
        step += 1
        position += c.length
      } else if (star >= 0) {
        retry += characterAt(text, retry).length
        position = retry
        step = star + 1
      } else {
        return false
      }
    }
    while (steps[step] === '*') step += 1
    return step === steps.length
  }
}

/** The character, not half of one, that begins at an index. */
function characterAt(text: string, index: number): string {
  return String.fromCodePoint(text.codePointAt(index)!)
}

/** A bracket expression that begins at `start`; undefined where it is not closed, and the bracket a plain character. */
function readBracket(
  characters: readonly string[],
  start: number
): { test: (c: string) => boolean; end: number } | undefined {
  let i = start + 1
  const negated = characters[i] === '!' || characters[i] === '^'
  if (negated) i += 1
  const tests: ((c: string) => boolean)[] = []
  for (let first = true; ; first = false) {
    let c = characters[i]
    if (c === undefined) return undefined
    if (c === ']' && !first) break
    if (c === '[' && characters[i + 1] === ':') {
      const close = characters.indexOf(':', i + 2)
      const name = close > 0 && characters[close + 1] === ']' ? characters.slice(i + 2, close).join('') : ''
      const known = classes[name]
      if (known) {
        tests.push(x => known.test(x))
        i = close + 2
        continue
      }
    }
    if (c === '\\' && characters[i + 1] !== undefined) {
      i += 1
      c = characters[i]!
    }
    if (characters[i + 1] === '-' && characters[i + 2] !== undefined && characters[i + 2] !== ']') {
      const low = c.codePointAt(0)!
      const high = characters[i + 2]!.codePointAt(0)!
      tests.push(x => low <= x.codePointAt(0)! && x.codePointAt(0)! <= high)
      i += 3
    } else {
      const literal = c
      tests.push(x => x === literal)
      i += 1
    }
  }
  return { test: x => tests.some(test => test(x)) !== negated, end: i }
}
