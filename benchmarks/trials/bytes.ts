import { bytesPerSecond, streamSide, type Trial } from '../trial.js'

const KiB = 1024
const MiB = 1024 * KiB
const sizes = [4 * KiB, 64 * KiB, MiB, 16 * MiB, 64 * MiB]

function named(size: number): string {
  return size < MiB ? `${size / KiB} KiB` : `${size / MiB} MiB`
}

export const bytes: Trial = {
  name: 'bytes',
  title: 'Chunks of bytes, copied in by the writer',
  cases: sizes.map(size => {
    const work = { stream: 'byte', size, source: 'fresh', reader: 'touch' } as const
    return {
      name: named(size),
      sides: [
        streamSide('store', work),
        streamSide('memcpy', work),
        streamSide('zeromq', work),
        streamSide('worker', work)
      ],
      metrics: [bytesPerSecond]
    }
  })
}
