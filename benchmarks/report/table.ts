import type { Comparison } from '../runner/compare.js'
import type { Spread } from '../statistics.js'

/** Three digits that mean something, and no more. */
export function figure(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value)
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: digits })
}

function withSpread({ median, low, high }: Spread): string {
  return `${figure(median)} (${figure(low)}–${figure(high)})`
}

/** Lines of text with the columns one below the other. */
function align(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  )
}

/** What the comparisons of a trial found: medians with lowest and highest. */
export function table(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ case: name, unit, ours, rival, ratio }) => [
    name,
    unit,
    ours.title,
    withSpread(ours),
    rival.title,
    withSpread(rival),
    `${withSpread(ratio)}×`
  ])
  const head = ['work', 'unit', 'ours', 'median (range)', 'against', 'median (range)', 'ours / theirs']
  return align([head, ...rows]).join('\n')
}
