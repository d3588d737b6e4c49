import { chunksPerSecond, streamSide, type Trial } from '../trial.js'

const ways = [
  { name: 'fresh, one value', source: 'fresh', reader: 'touch' },
  { name: 'cached, one value', source: 'cached', reader: 'touch' },
  { name: 'fresh, every value', source: 'fresh', reader: 'sum' },
  { name: 'cached, every value', source: 'cached', reader: 'sum' }
] as const

export const sources: Trial = {
  name: 'sources',
  title: '65,536 rows from a source in cache or not, with a reader that looks at one value or sums up all',
  cases: ways.map(({ name, source, reader }) => {
    const work = { stream: 'recordbatch', columns: 'numbers', size: 65_536, source, reader } as const
    return {
      name,
      sides: [streamSide('store', work), streamSide('arrow-ipc', work)],
      metrics: [chunksPerSecond]
    }
  })
}
