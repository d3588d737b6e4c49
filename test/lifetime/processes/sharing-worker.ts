/** Reads a stream, shares each chunk with the thread that started it, and says so. Then it ends, or waits to be terminated. */
import { parentPort, workerData } from 'node:worker_threads'
import { connect, share, type VineyardStream } from 'vineyard-streams'

const { socket, stream: id, stay } = workerData as { socket: string; stream: string; stay: boolean }
const client = await connect(socket)
const stream = await client.get<VineyardStream<any, object>>(id)
if (stay) setInterval(() => {}, 1000)
for await (const chunk of await stream.openReader()) {
  const shared = share(chunk)
  parentPort!.postMessage(shared, [shared.port])
}
parentPort!.postMessage('read')
