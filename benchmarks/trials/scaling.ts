import type { DriverName } from '../drivers/drivers.js'
import { chunksPerSecond, streamSide, type Case, type Trial } from '../trial.js'

const work = {
  stream: 'recordbatch',
  columns: 'numbers',
  size: 1000,
  source: 'fresh',
  reader: 'touch'
} as const

function living(liveObjects: number, driver: DriverName, client: string): Case {
  return {
    name: `${liveObjects.toLocaleString('en')} objects, ${client}`,
    sides: [
      streamSide(driver, { ...work, liveObjects }, `${liveObjects.toLocaleString('en')} objects`),
      streamSide(driver, { ...work, liveObjects: 100 }, '100 objects')
    ],
    metrics: [chunksPerSecond]
  }
}

export const liveObjects: Trial = {
  name: 'live-objects',
  title: 'Batches of 1,000 rows while many objects live in the store',
  cases: [
    living(0, 'store', 'this client'),
    living(100_000, 'store', 'this client'),
    living(100_000, 'python-store', 'Python')
  ]
}

export const parallel: Trial = {
  name: 'parallel',
  title: 'Batches of 1,000 rows through several streams at a time, all together',
  cases: [4, 16, 64].map(streams => ({
    name: `${streams} streams`,
    sides: [
      streamSide('store', { ...work, streams }, `${streams} streams`),
      streamSide('store', work, '1 stream')
    ],
    metrics: [chunksPerSecond]
  }))
}
