/**
 * `npm run bench`: measures this package beside its rivals. Prints tables, writes results.json, and when everything was
 * measured draws chart.svg and writes the table of the README.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { describeEnvironment, environment } from './environment.js'
import { goals } from './goals.js'
import { chart } from './report/chart.js'
import { withResults } from './report/readme.js'
import { judge, type Result } from './report/results.js'
import { head, row } from './report/table.js'
import { compare } from './runner/compare.js'
import { profileInto } from './runner/profile.js'
import type { Case } from './trial.js'
import { trials } from './trials/trials.js'

interface Options {
  only: string[]
  case: string
  rounds: number
  quick: boolean
  profile?: string
}

const names = trials.map(({ name }) => name)
const command = new Command('bench')
  .description('measures this package beside its rivals')
  .option('-o, --only <trials...>', `only these trials: ${names.join(', ')}`, [])
  .option('-c, --case <text>', 'only the cases whose name contains this text', '')
  .option('-r, --rounds <count>', 'how often each side is measured', Number, 5)
  .option(
    '-q, --quick',
    'only what has a goal, three rounds, for a shorter time: about a quarter of an hour',
    false
  )
  .option('-p, --profile <directory>', 'write what V8 samples in every Node process to this directory')
  .parse()
const options = command.opts<Options>()
const { only, quick, profile } = options
const unknown = only.find(name => !names.includes(name))
if (unknown !== undefined) command.error(`there is no trial ${unknown}: ${names.join(', ')}`)

profileInto(profile)
const rounds = quick && command.getOptionValueSource('rounds') === 'default' ? 3 : options.rounds
// V8 needs thousands of chunks until all of what a chunk goes through is compiled: both are given the time.
const pace = quick ? { warmUp: 2000, measure: 500 } : { warmUp: 2000, measure: 1200 }
const place = (name: string): string => fileURLToPath(new URL(`../../benchmarks/${name}`, import.meta.url))
const found = environment()
const caption = `${describeEnvironment(found)}; ${rounds} rounds`
console.log(caption)

/** A case without the rivals that no goal is about; undefined where none is left. */
function withGoals(trial: string, one: Case): Case | undefined {
  const aims = goals.filter(goal => goal.trial === trial && goal.case === one.name)
  const [ours, ...rivals] = one.sides
  const aimedAt = rivals.filter(({ title }) => aims.some(({ against }) => against === title))
  return aimedAt.length === 0 ? undefined : { ...one, sides: [ours, ...aimedAt] }
}

const results: Result[] = []
for (const { name: trial, title, cases } of trials) {
  if (only.length > 0 && !only.includes(trial)) continue
  const result: Result = { trial, title, comparisons: [] }
  results.push(result)
  console.log(`\n${trial}: ${title}\n${head}`)
  for (const each of cases) {
    const one = quick ? withGoals(trial, each) : each
    if (!one?.name.includes(options.case)) continue
    try {
      const judged = (await compare(one, rounds, pace)).map(comparison => judge(trial, comparison))
      for (const comparison of judged) console.log(row(comparison))
      result.comparisons.push(...judged)
    } catch (error) {
      // The others are worth having all the same.
      console.log(`${one.name}: ${(error as Error).message}`)
      process.exitCode = 1
    }
  }
}
writeFileSync(
  place('results.json'),
  `${JSON.stringify({ environment: found, rounds, pace, results }, undefined, 2)}\n`
)
if (only.length === 0 && options.case === '') {
  writeFileSync(place('chart.svg'), chart(results, caption))
  const readme = place('../README.md')
  writeFileSync(readme, withResults(readFileSync(readme, 'utf8'), results, caption))
}
