import type { DriverName } from '../drivers/drivers.js'
import { chunksPerSecond, streamSide, type Case, type Trial } from '../trial.js'

function batches(rows: number, name: string, ours: DriverName, rival: DriverName): Case {
  const work = {
    stream: 'recordbatch',
    columns: 'numbers',
    size: rows,
    source: 'fresh',
    reader: 'touch'
  } as const
  return {
    name: `${name}, ${rows.toLocaleString('en')} rows`,
    sides: [streamSide(ours, work), streamSide(rival, work)],
    metrics: [chunksPerSecond]
  }
}

export const cluster: Trial = {
  name: 'cluster',
  title: 'A stream with a partition on each of several vineyardd with etcd, on loopback',
  cases: [1000, 65_536].flatMap(rows => [
    batches(rows, 'locality', 'cluster-own', 'cluster-other'),
    batches(rows, 'two instances', 'cluster-2', 'cluster-1'),
    batches(rows, 'three instances', 'cluster-3', 'cluster-1')
  ])
}
