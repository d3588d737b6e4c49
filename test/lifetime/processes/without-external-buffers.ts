/**
 * Everything that reads or writes shared memory, for a process whose runtime forbids external ArrayBuffers. Prints what
 * it found; without an argument it brings its own server.
 */
import { Worker } from 'node:worker_threads'
import { tableFromArrays, type RecordBatch } from 'apache-arrow'
import {
  ByteStream,
  connect,
  DataframeStream,
  RecordBatchStream,
  release,
  share,
  Store,
  type Client
} from 'vineyard-streams'
import { native } from '#dist/native.js'

const [given] = process.argv.slice(2)
const store = given === undefined ? await Store.start({ size: '64Mi', rpc: { port: 0 } }) : undefined
const socket = given ?? (store as Store).socket
const client = await connect(socket)
const before = (await client.status()).memoryUsage

const batchOf = (rows: number): RecordBatch => {
  const n = Int32Array.from({ length: rows }, (_, i) => i)
  return tableFromArrays({ n, half: Float64Array.from(n, i => i / 2) }).batches[0] as RecordBatch
}

/** The last value of each column that arrives, and whether release() ends the access. */
async function batches(
  Type: typeof RecordBatchStream | typeof DataframeStream,
  through: Client
): Promise<unknown[]> {
  const stream = await Type.create(through)
  const sizes = [1, 10, 1000, 100_000, 7]
  const writer = await stream.openWriter()
  for (const rows of sizes) await writer.append(batchOf(rows))
  await writer.finish()
  const found: unknown[] = []
  for await (const batch of await stream.openReader()) {
    const n = batch.getChild('n')?.toArray() as Int32Array
    const half = batch.getChild('half')?.toArray() as Float64Array
    found.push([n.length, n.at(-1), half.at(-1), release(batch), n.length])
  }
  return found
}

/** Chunks that were filled in place. */
async function allocated(): Promise<unknown> {
  const stream = await ByteStream.create(client)
  const writer = await stream.openWriter()
  const memory = await writer.allocate(100_000)
  memory.fill('z')
  await writer.append(memory)
  const taken = memory.length
  await writer.allocate(1000) // never appended
  await writer.finish()
  const [chunk] = await stream.createReadStream({ objectMode: true }).toArray()
  return [taken, String(chunk?.subarray(0, 3)), chunk?.length, release(chunk)]
}

async function values(through: Client): Promise<unknown> {
  const id = await through.put(Float64Array.of(1, 2, 3))
  const tensor = await client.get<Float64Array>(id, { zeroCopy: true })
  const bytes = await through.put(Buffer.from('bytes'))
  const text = await through.get<Buffer>(bytes)
  const found = [[...tensor], release(tensor), String(text)]
  release(text)
  await through.delete([id, bytes])
  return found
}

async function inWorker(): Promise<unknown> {
  const stream = await ByteStream.create(client)
  const writer = await stream.openWriter()
  await writer.append(Buffer.alloc(1_000_000, 'w'))
  await writer.finish()
  const reader = await stream.openReader()
  const { value } = await reader.next()
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     parentPort.once('message', async shared => {
       const { receive, release } = await import('vineyard-streams')
       const chunk = receive(shared)
       parentPort.postMessage([chunk.length, String(chunk.subarray(0, 2)), release(chunk)])
     })`,
    { eval: true }
  )
  const shared = share(value)
  release(value)
  worker.postMessage(shared, [shared.port])
  const answer: unknown = await new Promise(resolve => worker.once('message', resolve))
  await worker.terminate()
  await reader.next()
  return answer
}

const found: Record<string, unknown> = {
  forbidden: native.viewsForbidden,
  recordbatches: await batches(RecordBatchStream, client),
  dataframes: await batches(DataframeStream, client),
  allocated: await allocated(),
  values: await values(client)
}
if (store !== undefined) {
  found['worker'] = await inWorker()
  const far = await connect(`tcp://${store.rpcEndpoint}`)
  found['tcp'] = [await batches(RecordBatchStream, far), await values(far)]
  await far.close()
}
for (const meta of await client.list()) await client.delete(meta.id, { force: true })
found['left'] = (await client.status()).memoryUsage - before
found['leased'] = client.stats().leasedBytes
await client.close()
await store?.close()
process.stdout.write(JSON.stringify(found))
