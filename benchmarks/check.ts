/**
 * `npm run bench:check`: the most telling goals in under three minutes. Fails when a ratio is clearly below its goal, which
 * allows for a margin because the machine may be noisy.
 */
import { describeEnvironment, environment } from './environment.js'
import { goals, margin, standing, type Goal } from './goals.js'
import { figure } from './report/table.js'
import { compare } from './runner/compare.js'
import { spread } from './statistics.js'
import type { Case, Side } from './trial.js'
import { trials } from './trials/trials.js'

const rounds = 3
const pace = { warmUp: 400, measure: 400 }
/** No round is begun that could not end within this, in ms: on a slow machine there are fewer. */
const budget = 170_000

/** The two sides that a goal is about. */
function caseOf({ trial, case: name, metric, against }: Goal): Case {
  const one = trials.find(each => each.name === trial)?.cases.find(each => each.name === name)
  const rival = one?.sides.find(({ title }) => title === against)
  const chosen = one?.metrics.find(each => each.name === metric)
  if (!one || !rival || !chosen)
    throw new Error(`nothing measures the goal of ${trial}, ${name} against ${against}`)
  return { name, sides: [one.sides[0], rival] as [Side, Side], metrics: [chosen] }
}

// A goal that nothing measures is a mistake in the table, found before anything is measured.
const cases = goals.map(goal => ({ goal, one: caseOf(goal) })).filter(({ goal }) => goal.check)
console.log(describeEnvironment(environment()))
console.log(`a ratio may miss its goal by a factor of ${margin} before this fails`)
const ratios = cases.map((): number[] => [])
const started = performance.now()
for (let round = 1; round <= rounds; round += 1) {
  for (const [index, { one }] of cases.entries()) {
    const [found] = await compare(one, 1, pace)
    ratios[index]!.push(found!.ratio.median)
  }
  const elapsed = performance.now() - started
  if (elapsed + elapsed / round > budget) break
}
const failed: string[] = []
for (const [index, { goal }] of cases.entries()) {
  const { trial, case: name, metric, against, atLeast, atMost } = goal
  const { median, low, high } = spread(ratios[index]!)
  const met = standing(goal, median)
  const verdict = met >= 1 ? 'met' : met >= 1 / margin ? 'near' : 'MISSED'
  const aim = atLeast === undefined ? `at most ${figure(atMost ?? 0)}` : `at least ${figure(atLeast)}`
  const line = `${trial}, ${name}, ${metric} against ${against}: ${figure(median)}× (${figure(low)}–${figure(high)}), ${aim}`
  console.log(`${verdict.padEnd(7)} ${line}`)
  if (verdict === 'MISSED') failed.push(line)
}
if (failed.length > 0) {
  console.error(`\n${failed.length} of ${cases.length} goals are clearly missed`)
  process.exitCode = 1
}
