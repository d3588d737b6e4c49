// A batch job on a cluster: a producer on one machine feeds a partition on each, a consumer on each machine reads the one
// that is there, in shared memory, and answers with a line of results. Start one producer and as many consumers as there
// are machines, in any order:
//
//   node cluster-job.js producer [name of the job] [seconds that it may take, 600 unless told otherwise]
//   node cluster-job.js consumer [name of the job]
//
// Each connects to the vineyardd of its machine, at $VINEYARD_IPC_SOCKET or /var/run/vineyard.sock. What fails, or is
// interrupted, ends with a code, and so does the rest of the job. A producer ends an earlier run of its job.
import { constants } from 'node:os'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { tableFromArrays } from 'apache-arrow'
import { connect, ParallelStream, RecordBatchStream, release } from 'vineyard-streams'

const roles = { producer: produce, consumer: consume }
const [role = '', job = 'cluster-job', seconds = '600'] = process.argv.slice(2)
if (!Object.hasOwn(roles, role)) throw new Error('say whether this is the producer or a consumer')

// Ctrl-C ends whatever waits, so that what was made is removed; the second one ends the process.
const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => {
    process.exitCode = 128 + constants.signals[name]
    interruption.abort(name)
  })
}
const client = await connect()
try {
  await roles[role]()
} catch (error) {
  console.error(error)
  process.exitCode ??= 1
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
  const signal = AbortSignal.any([interruption.signal, AbortSignal.timeout(seconds * 1000)])
  await dropEarlierRun()
  // A machine that has just gone gets no partition. The name makes the job findable on every machine.
  const options = { perInstance: true, params: { job } }
  const results = await ParallelStream.create(client, options)
  options.params.results = results.id
  const work = await ParallelStream.create(client, { ...options, name: job })
  try {
    const source = Readable.from(batches(), { highWaterMark: 1 })
    // The results are awaited from the beginning: a consumer that dies ends them, whatever it was doing.
    const [rows] = await Promise.all([
      rowsOf(results.createReadStream({ partition: 'all', signal })),
      pipeline(source, work.createWriteStream({ partition: 'round-robin' }), { signal })
    ])
    let total = 0
    for (const { instance, count, sum } of rows.sort((a, b) => a.instance - b.instance)) {
      console.log(`instance ${instance}: ${count} batches`)
      total += sum
    }
    console.log('total', total.toFixed(1))
  } finally {
    // What is on a machine that has gone cannot be removed, and went with it.
    for (const stream of [work, results]) {
      await stream.drop().catch(error => console.error('not removed everywhere:', error.code))
    }
  }
}

async function rowsOf(stream) {
  const rows = []
  for await (const batch of stream) {
    for (const row of batch) rows.push(row.toJSON())
    release(batch)
  }
  return rows
}

async function consume() {
  const { signal } = interruption
  const work = await ParallelStream.open(client, job, { wait: true, signal })
  const results = await client.get(work.streams[0].params.results)
  async function* summary(source) {
    let count = 0
    let sum = 0
    for await (const batch of source) {
      for (const value of batch.getChild('value')) sum += value
      count += 1
      release(batch)
    }
    console.log(`read ${count} batches`)
    const [{ meta }] = work.localStreams
    yield tableFromArrays({ instance: [Number(meta.instance_id)], count: [count], sum: [sum] })
  }
  await pipeline(work.createReadStream(), summary, results.createWriteStream(), { signal })
}

/** A producer that was killed could not remove its streams. Those of machines that have gone went with them. */
async function dropEarlierRun() {
  const streams = await client.list({ pattern: RecordBatchStream.typename })
  const earlier = streams.filter(({ params_ = '{}' }) => JSON.parse(params_).job === job)
  await Promise.allSettled(
    earlier.map(async ({ id }) => {
      const stream = await RecordBatchStream.open(client, id)
      await stream.drop()
    })
  )
}
