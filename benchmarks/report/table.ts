import type { Judged } from './results.js'
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

const widths = [32, 9, 26, 28, 26, 28, 24, 0]

function line(cells: readonly string[]): string {
  return cells
    .map((cell, column) => cell.padEnd(widths[column]!))
    .join('')
    .trimEnd()
}

export const head = line([
  'work',
  'unit',
  'ours',
  'median (range)',
  'against',
  'median (range)',
  'ours / theirs'
])

/** One comparison as a line under `head`: medians with lowest and highest. */
export function row({ case: name, unit, ours, rival, ratio, goal }: Judged): string {
  return line([
    name,
    unit,
    ours.title,
    withSpread(ours),
    rival.title,
    withSpread(rival),
    `${withSpread(ratio)}×`,
    goal ? `${goal.atLeast === undefined ? '≤' : '≥'} ${figure(goal.atLeast ?? goal.atMost ?? 1)}×` : ''
  ])
}
