import type { DriverName } from './drivers/drivers.js'
import { drivers } from './drivers/drivers.js'
import type { Metrics, Work } from './model.js'
import { measureDriver } from './runner/measure.js'

/** One of the things that a case compares. */
export interface Side {
  title: string
  /** Measures once, in fresh processes. */
  measure(pace: Pace): Promise<Metrics>
}

/** Milliseconds before measuring begins and while it lasts. */
export interface Pace {
  warmUp: number
  measure: number
}

/** Some work done by several sides, of which the first is ours and is compared with each other one. */
export interface Case {
  name: string
  sides: readonly [Side, ...Side[]]
  /** What is compared, with the unit it is printed in. */
  metrics: readonly Metric[]
}

export interface Metric {
  name: string
  unit: string
  /** What the unit is in terms of the metric. */
  per?: number
}

/** A file of benchmarks/trials. */
export interface Trial {
  name: string
  title: string
  cases: readonly Case[]
}

export const chunksPerSecond: Metric = { name: 'chunksPerSecond', unit: 'chunks/s' }
export const bytesPerSecond: Metric = { name: 'bytesPerSecond', unit: 'GB/s', per: 1e9 }

/** A stream from one process to another with this driver. */
export function streamSide(driver: DriverName, work: Omit<Work, keyof Pace>, title?: string): Side {
  return {
    title: title ?? drivers[driver].title,
    measure: pace => measureDriver(driver, { ...work, ...pace })
  }
}
