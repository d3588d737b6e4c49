import type { DriverName } from '../drivers/drivers.js'
import { measureBlobs, type BlobWork } from '../runner/measure-blobs.js'
import type { ServerKind } from '../runner/servers.js'
import { chunksPerSecond, streamSide, type Case, type Metric, type Trial } from '../trial.js'

const put: Metric = { name: 'putBytesPerSecond', unit: 'GB/s put', per: 1e9 }
const get: Metric = { name: 'getBytesPerSecond', unit: 'GB/s got', per: 1e9 }

const servers: readonly [ServerKind, string, DriverName, DriverName][] = [
  ['vineyardd', 'vineyardd', 'tcp-vineyardd', 'python-tcp-vineyardd'],
  ['store', 'the store', 'tcp-store', 'python-tcp-store']
]

function blobCase(kind: ServerKind, where: string, mebibytes: number, compression: boolean): Case {
  const work: BlobWork = { bytes: mebibytes * 2 ** 20, compression }
  return {
    name: `blob, ${mebibytes} MiB${compression ? ', zstd' : ''}, ${where}`,
    sides: [
      { title: 'this package', measure: pace => measureBlobs('node', kind, work, pace) },
      { title: 'Python', measure: pace => measureBlobs('python', kind, work, pace) }
    ],
    metrics: [put, get]
  }
}

function streamCase(where: string, size: number, ours: DriverName, rival: DriverName): Case {
  const work = { stream: 'recordbatch', columns: 'numbers', size, source: 'fresh', reader: 'touch' } as const
  return {
    name: `recordbatch, ${size.toLocaleString('en')} rows, ${where}`,
    sides: [streamSide(ours, work, 'this package'), streamSide(rival, work, 'Python')],
    metrics: [chunksPerSecond]
  }
}

export const tcp: Trial = {
  name: 'tcp',
  title: 'Over TCP on loopback: this client against the Python client on the same server',
  cases: servers.flatMap(([kind, where, ours, rival]) => [
    ...[1000, 65_536].map(size => streamCase(where, size, ours, rival)),
    ...[false, true].flatMap(compression => [1, 32].map(size => blobCase(kind, where, size, compression)))
  ])
}
