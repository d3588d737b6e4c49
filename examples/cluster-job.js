// A batch job on a cluster: a producer on one machine feeds a partition on each, and a consumer on each machine reads the
// one that is there, in shared memory. Start one producer and as many consumers as there are machines, in any order:
//
//   node cluster-job.js producer [name of the job]
//   node cluster-job.js consumer [name of the job]
//
// Each connects to the vineyardd of its machine, at $VINEYARD_IPC_SOCKET or /var/run/vineyard.sock.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { tableFromArrays } from 'apache-arrow'
import { connect, ParallelStream, release } from 'vineyard-streams'

const [role, job = 'cluster-job'] = process.argv.slice(2)
const work = { producer: produce, consumer: consume }[role]
if (work === undefined) throw new Error('say whether this is the producer or a consumer')
const client = await connect()
try {
  await work()
} finally {
  await client.close()
}

function* batches() {
  for (let part = 0; part < 60; part += 1) {
    yield tableFromArrays({ value: Float64Array.from({ length: 10_000 }, (_, row) => part + row / 10_000) })
      .batches[0]
  }
}

async function produce() {
  // The name makes it findable on every machine. A machine that has just gone gets no partition.
  const stream = await ParallelStream.create(client, { perInstance: true, name: job })
  try {
    const source = Readable.from(batches(), { highWaterMark: 1 })
    await pipeline(source, stream.createWriteStream({ partition: 'round-robin' }))
    let total = 0
    for (const { meta } of stream.streams) {
      const name = resultName(stream, meta.instance_id)
      const id = await client.getName(name, { wait: true })
      const [count, sum] = await client.get(id) // from where it is, over TCP
      console.log(`instance ${meta.instance_id}: ${count} batches`)
      total += sum
      await client.dropName(name)
      await client.delete(id)
    }
    console.log('total', total.toFixed(1))
  } finally {
    // What is on a machine that has gone cannot be removed, and went with it.
    await stream.drop().catch(error => console.error('not removed everywhere:', error.code))
  }
}

async function consume() {
  const stream = await ParallelStream.open(client, job, { wait: true })
  let count = 0
  let sum = 0
  for await (const batch of stream.createReadStream()) {
    for (const value of batch.getChild('value')) sum += value
    count += 1
    release(batch)
  }
  const { instanceId } = await client.status()
  const id = await client.put([count, sum])
  await client.persist(id)
  await client.putName(id, resultName(stream, instanceId))
  console.log(`read ${count} batches`)
}

function resultName(stream, instance) {
  return `${stream.id}/${instance}`
}
