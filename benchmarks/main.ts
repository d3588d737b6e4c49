/** `npm run bench`: measures this package beside its rivals, prints a table and writes results.json. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { describeEnvironment, environment } from './environment.js'
import { head, row } from './report/table.js'
import { compare, type Comparison } from './runner/compare.js'
import { profileInto } from './runner/profile.js'
import { trials } from './trials/trials.js'

interface Options {
  only: string[]
  case?: string
  rounds: number
  quick: boolean
  profile?: string
}

const options = new Command('bench')
  .description('measures this package beside its rivals')
  .option('-o, --only <trials...>', `only these trials: ${trials.map(({ name }) => name).join(', ')}`, [])
  .option('-c, --case <text>', 'only the cases whose name contains this text')
  .option('-r, --rounds <count>', 'how often each side is measured', Number, 3)
  .option('-q, --quick', 'measure for a shorter time', false)
  .option('-p, --profile <directory>', 'write what V8 samples in every Node process to this directory')
  .parse()
  .opts<Options>()

const { only, case: part = '', rounds, quick, profile } = options
profileInto(profile)
const pace = quick ? { warmUp: 300, measure: 500 } : { warmUp: 600, measure: 1000 }
const chosen = trials.filter(({ name }) => only.length === 0 || only.includes(name))
const found = environment()
console.log(describeEnvironment(found))
const results: { trial: string; comparisons: Comparison[] }[] = []
for (const { name: trial, title, cases } of chosen) {
  const comparisons: Comparison[] = []
  console.log(`\n${title}\n${head}`)
  for (const one of cases.filter(({ name }) => name.includes(part))) {
    const found = await compare(one, rounds, pace)
    for (const comparison of found) console.log(row(comparison))
    comparisons.push(...found)
  }
  results.push({ trial, comparisons })
}
const file = fileURLToPath(new URL('../../benchmarks/results.json', import.meta.url))
writeFileSync(file, `${JSON.stringify({ environment: found, rounds, results }, undefined, 2)}\n`)
