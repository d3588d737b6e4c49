import { chunksPerSecond, streamSide, type Case, type Trial } from '../trial.js'

const sizes = [2, 1000, 65_536, 1_048_576]

function batches(columns: 'numbers' | 'strings'): Case[] {
  return sizes.map(size => {
    const work = { stream: 'recordbatch', columns, size, source: 'fresh', reader: 'touch' } as const
    return {
      name: `${size.toLocaleString('en')} rows`,
      sides: [
        streamSide('store', work),
        streamSide('arrow-ipc', work),
        streamSide('zeromq', work),
        streamSide('worker', work)
      ],
      metrics: [chunksPerSecond]
    }
  })
}

export const recordbatch: Trial = {
  name: 'recordbatch',
  title: 'Record batches of int64, float64 and bool columns, one value of each looked at',
  cases: batches('numbers')
}

export const strings: Trial = {
  name: 'strings',
  title: 'The same with three columns more: strings, strings with nulls, numbers with nulls',
  cases: batches('strings')
}
