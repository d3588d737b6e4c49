import { chunkBytes } from '../data/batches.js'
import { chunksPerSecond, streamSide, type Trial } from '../trial.js'

export const inPlace: Trial = {
  name: 'in-place',
  title: 'As many bytes as a batch of numbers has, written into shared memory by the producer itself',
  cases: [1000, 65_536, 1_048_576].map(rows => {
    const batch = { stream: 'recordbatch', size: rows, source: 'fresh', reader: 'touch' } as const
    const bytes = { ...batch, stream: 'byte', size: chunkBytes({ ...batch, warmUp: 0, measure: 0 }) } as const
    return {
      name: `${rows.toLocaleString('en')} rows`,
      sides: [streamSide('store-in-place', bytes), streamSide('arrow-ipc', batch)],
      metrics: [chunksPerSecond]
    }
  })
}
