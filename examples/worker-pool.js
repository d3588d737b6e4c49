// A pool of workers: the main thread reads a stream and hands each chunk to a worker without copying it.
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { tableFromArrays } from 'apache-arrow'
import { connect, receive, RecordBatchStream, release, share, Store } from 'vineyard-streams'

if (isMainThread) await main()
else parentPort.on('message', work)

function work(shared) {
  const batch = receive(shared)
  let sum = 0
  for (const value of batch.getChild('value')) sum += value
  release(batch)
  parentPort.postMessage(sum)
}

async function main() {
  const store = await Store.start({ size: '64Mi' })
  const client = await connect(store.socket)
  const stream = await RecordBatchStream.create(client)
  const batches = (function* () {
    for (let part = 0; part < 8; part += 1) {
      yield tableFromArrays({ value: new Float64Array(100_000).fill(part) }).batches[0]
    }
  })()
  const writing = pipeline(Readable.from(batches, { highWaterMark: 1 }), stream.createWriteStream())

  const idle = [1, 2, 3].map(() => new Worker(new URL(import.meta.url)))
  const workers = [...idle]
  let total = 0
  const sums = stream.createReadStream().map(
    async batch => {
      const worker = idle.pop()
      const shared = share(batch)
      release(batch) // the worker's share keeps the memory
      worker.postMessage(shared, [shared.port])
      const [sum] = await once(worker, 'message')
      idle.push(worker)
      return sum
    },
    { concurrency: workers.length }
  )
  for await (const sum of sums) total += sum
  await writing
  console.log('sum', total)

  await Promise.all(workers.map(worker => worker.terminate()))
  await client.close()
  await store.close()
}
