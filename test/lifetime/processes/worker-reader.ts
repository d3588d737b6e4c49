/** One reader of a shared stream, in a thread of its own. Tells the numbers of the chunks it has read. */
import { parentPort, workerData } from 'node:worker_threads'
import { connect, RecordBatchStream, release } from 'vineyard-streams'
import { numberOf } from '../../support/numbered.js'

const { socket, stream: id } = workerData as { socket: string; stream: string }
const client = await connect(socket)
const stream = await RecordBatchStream.open(client, id)
const numbers: number[] = []
for await (const batch of stream.createReadStream()) {
  numbers.push(numberOf(batch))
  release(batch)
}
await client.close()
parentPort!.postMessage(numbers)
