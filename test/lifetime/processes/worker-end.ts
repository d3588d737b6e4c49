/** One end of a stream, or all of it, in a worker that is terminated in the middle. */
import { parentPort, workerData } from 'node:worker_threads'
import { connect, RecordBatchStream, Store } from 'vineyard-streams'
import { numberedBatch } from '../../support/numbered.js'

interface Work {
  role: 'write' | 'read' | 'wait' | 'everything'
  socket: string
  stream: string
}

const { role, socket, stream: id } = workerData as Work
const bytes = 16384

async function write(stream: RecordBatchStream): Promise<never> {
  const writer = await stream.openWriter()
  for (let number = 0; ; number += 1) {
    await writer.append(numberedBatch(number, bytes))
    if (number === 3) parentPort!.postMessage('running')
  }
}

async function read(stream: RecordBatchStream): Promise<unknown[]> {
  const kept: unknown[] = []
  for await (const batch of stream.createReadStream()) {
    kept.push(batch)
    if (kept.length === 3 || role === 'wait') parentPort!.postMessage('running')
  }
  return kept
}

if (role === 'everything') {
  const store = await Store.start({ size: '4Mi' })
  const client = await connect(store.socket)
  const stream = await RecordBatchStream.create(client)
  await Promise.all([write(stream), read(stream)])
} else {
  const stream = await RecordBatchStream.open(await connect(socket), id)
  await (role === 'write' ? write(stream) : read(stream))
}
