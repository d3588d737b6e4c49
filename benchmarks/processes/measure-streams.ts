import { chunkBytes, distinctChunks } from '../data/batches.js'
import { numberOf, sumOf } from '../data/look.js'
import type { Chunk, Metrics, Work } from '../model.js'

/** Counts what arrives in the measured time, which begins after the time to warm up. */
class Meter {
  readonly #work: Work
  #count = 0
  /** When the first chunk arrived, and when measuring began. */
  #started = 0
  #begun = 0
  #cpu = process.cpuUsage()

  constructor(work: Work) {
    this.#work = work
  }

  /** A chunk has arrived. Returns the result when the time is over. */
  arrived(): Metrics | undefined {
    const { warmUp, measure, totalBytes } = this.#work
    const now = performance.now()
    this.#started ||= now
    if (this.#begun === 0) {
      if (now - this.#started < warmUp) return undefined
      this.#begun = now
      this.#cpu = process.cpuUsage()
      return undefined
    }
    this.#count += 1
    const going =
      totalBytes === undefined
        ? now - this.#begun < measure
        : this.#count * chunkBytes(this.#work) < totalBytes
    return going ? undefined : this.#result((now - this.#begun) / 1000)
  }

  #result(seconds: number): Metrics {
    const { user, system } = process.cpuUsage(this.#cpu)
    const chunksPerSecond = this.#count / seconds
    return {
      chunksPerSecond,
      bytesPerSecond: chunksPerSecond * chunkBytes(this.#work),
      consumerCpu: (user + system) / 1e6 / seconds
    }
  }
}

/** What arrives in all streams together. Throws if a chunk is missing, comes twice or out of order. */
export async function measureStreams(streams: readonly AsyncIterable<Chunk>[], work: Work): Promise<Metrics> {
  const meter = new Meter(work)
  return Promise.race(streams.map(stream => measureStream(stream, work, meter)))
}

async function measureStream(chunks: AsyncIterable<Chunk>, work: Work, meter: Meter): Promise<Metrics> {
  const distinct = distinctChunks(work)
  let count = 0
  let sum = 0
  for await (const chunk of chunks) {
    const number = numberOf(chunk)
    if (number !== count % distinct) throw new Error(`chunk ${count} has the number ${number}`)
    if (work.reader === 'sum') sum += sumOf(chunk)
    count += 1
    const result = meter.arrived()
    // The sum is told so that nobody can leave it out.
    if (result) return { ...result, sum }
  }
  throw new Error(`the stream ended after ${count} chunks`)
}
