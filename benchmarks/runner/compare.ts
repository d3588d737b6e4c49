import type { Metrics } from '../model.js'
import { spread, type Spread } from '../statistics.js'
import type { Case, Pace } from '../trial.js'

/** What one metric of a case came to. */
export interface Comparison {
  case: string
  metric: string
  unit: string
  ours: { title: string } & Spread
  rival: { title: string } & Spread
  /** Ours divided by the rival's, round by round. */
  ratio: Spread
}

/**
 * Measures all sides of a case, one after the other in each round, so that what disturbs the machine for a while disturbs
 * all of them. Every other round goes through them backwards.
 */
export async function compare(one: Case, rounds: number, pace: Pace): Promise<Comparison[]> {
  const results: Metrics[][] = one.sides.map(() => [])
  for (let round = 0; round < rounds; round += 1) {
    const order = [...one.sides.keys()]
    if (round % 2 === 1) order.reverse()
    for (const index of order) results[index]!.push(await one.sides[index]!.measure(pace))
  }
  const [ours, ...rivals] = results
  return one.metrics.flatMap(({ name, unit, per = 1 }) =>
    rivals.map((rival, index): Comparison => {
      const mine = ours!.map(found => found[name]! / per)
      const theirs = rival.map(found => found[name]! / per)
      return {
        case: one.name,
        metric: name,
        unit,
        ours: { title: one.sides[0].title, ...spread(mine) },
        rival: { title: one.sides[index + 1]!.title, ...spread(theirs) },
        ratio: spread(mine.map((value, round) => value / theirs[round]!))
      }
    })
  )
}
