import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import { RecordBatchStreamWriter, type RecordBatch } from 'apache-arrow'
import { endlessly, makeChunks } from '../data/batches.js'
import { credit } from '../drivers/worker.js'
import type { Work } from '../model.js'

const work = workerData as Work
const port = parentPort!
let ahead = 0
port.on('message', () => (ahead -= 1))
for (const chunk of endlessly(makeChunks(work))) {
  // What is transferred is gone for the sender, whose chunks must stay: both kinds are copied once.
  const bytes =
    work.stream === 'byte'
      ? (chunk as Uint8Array<ArrayBuffer>).slice()
      : (RecordBatchStreamWriter.writeAll([chunk as RecordBatch]).toUint8Array(
          true
        ) as Uint8Array<ArrayBuffer>)
  port.postMessage(bytes, [bytes.buffer])
  ahead += 1
  while (ahead >= credit) await once(port, 'message')
}
