import type { Case, Metric, Trial } from '../trial.js'
import { streamSide } from '../trial.js'

const GiB = 2 ** 30
const work = {
  stream: 'recordbatch',
  columns: 'numbers',
  size: 65_536,
  source: 'fresh',
  reader: 'touch'
} as const

const own: Metric = { name: 'ownMemory', unit: 'MiB own', per: 2 ** 20 }
const shared: Metric = { name: 'sharedMemory', unit: 'MiB map', per: 2 ** 20 }

const longStream: Case = {
  name: 'a stream of 10 GiB',
  sides: [
    streamSide('store', { ...work, totalBytes: 10 * GiB }, 'after 10 GiB'),
    streamSide('store', { ...work, totalBytes: GiB }, 'after 1 GiB')
  ],
  metrics: [own, shared]
}

export const memory: Trial = {
  name: 'memory',
  title:
    'Resident memory of producer, consumer and store: their own, and the shared part that each of them maps; less is better',
  cases: [longStream]
}
