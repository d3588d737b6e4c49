import { goalOf, standing, type Goal } from '../goals.js'
import type { Comparison } from '../runner/compare.js'

/** A comparison with what was hoped for. */
export interface Judged extends Comparison {
  goal?: Goal
  /** 1 just meets the goal, more is better. */
  standing?: number
}

/** What a trial came to. */
export interface Result {
  trial: string
  title: string
  comparisons: Judged[]
}

export function judge(trial: string, comparison: Comparison): Judged {
  const goal = goalOf(trial, comparison)
  return goal ? { ...comparison, goal, standing: standing(goal, comparison.ratio.median) } : comparison
}
