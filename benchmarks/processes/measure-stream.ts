import { chunkBytes, distinctChunks } from '../data/batches.js'
import { numberOf, sumOf } from '../data/look.js'
import type { Chunk, Metrics, Work } from '../model.js'

/** What arrives in the measured time, after the time to warm up. Throws if a chunk is missing, twice or out of order. */
export async function measureStream(chunks: AsyncIterable<Chunk>, work: Work): Promise<Metrics> {
  const { warmUp, measure, reader } = work
  const distinct = distinctChunks(work)
  let count = 0
  let first = 0
  let begun = 0
  let started = 0
  let checksum = 0
  let cpu = process.cpuUsage()
  for await (const chunk of chunks) {
    const number = numberOf(chunk)
    if (number !== count % distinct) throw new Error(`chunk ${count} has the number ${number}`)
    if (reader === 'sum') checksum += sumOf(chunk)
    count += 1
    const now = performance.now()
    started ||= now
    if (begun === 0) {
      if (now - started < warmUp) continue
      begun = now
      first = count
      cpu = process.cpuUsage()
    } else if (now - begun >= measure) {
      const seconds = (now - begun) / 1000
      const { user, system } = process.cpuUsage(cpu)
      return {
        chunksPerSecond: (count - first) / seconds,
        bytesPerSecond: ((count - first) * chunkBytes(work)) / seconds,
        consumerCpu: (user + system) / 1e6 / seconds,
        checksum
      }
    }
  }
  throw new Error(`the stream ended after ${count} chunks`)
}
