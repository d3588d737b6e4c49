import { on } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { RecordBatchReader } from 'apache-arrow'
import type { NodeEnds } from '../model.js'

/** How many messages a worker may be ahead: a port has no backpressure, its user must bring one. */
export const credit = 16

/** Two threads instead of two processes: the bytes of a chunk change their owner. Batches travel in Arrow's format. */
export const worker: NodeEnds = {
  async *receive(_address, _listening, work) {
    const program = new URL('../processes/worker-producer.js', import.meta.url)
    const producer = new Worker(fileURLToPath(program), { workerData: work })
    for await (const [bytes] of on(producer, 'message') as AsyncIterable<[Uint8Array]>) {
      if (work.stream === 'byte') yield bytes
      else yield* RecordBatchReader.from(bytes)
      producer.postMessage('next')
    }
  }
}
