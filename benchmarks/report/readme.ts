import type { Result } from './results.js'
import { figure } from './table.js'

const begin = '<!-- benchmarks: written by npm run bench -->'
const end = '<!-- /benchmarks -->'

/** A README with the results that have a goal between its two marks. Throws if the marks are missing. */
export function withResults(readme: string, results: readonly Result[], caption: string): string {
  const from = readme.indexOf(begin)
  const to = readme.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the README has no ${begin} … ${end}`)
  const rows = results.flatMap(({ trial, comparisons }) =>
    comparisons.flatMap(({ case: name, unit, ours, rival, ratio, goal }) => {
      if (!goal) return []
      const aim = goal.atLeast === undefined ? `≤ ${figure(goal.atMost ?? 0)}×` : `≥ ${figure(goal.atLeast)}×`
      const range = `${figure(ratio.low)}–${figure(ratio.high)}`
      const figures = `${figure(ours.median)} ${unit} | ${figure(rival.median)} (${rival.title})`
      return [`| ${trial}: ${name} | ${figures} | ${figure(ratio.median)}× (${range}) | ${aim} |`]
    })
  )
  const lines = [
    begin,
    '',
    '![ratios to the rivals, with the goals](benchmarks/chart.svg)',
    '',
    `${caption}. Medians; a ratio is ours divided by theirs, with its range.`,
    '',
    '| work | ours | against | ratio | goal |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    ''
  ]
  return readme.slice(0, from) + lines.join('\n') + readme.slice(to)
}
