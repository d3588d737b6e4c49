import { expect } from 'chai'
import { RecordBatchStream } from 'vineyard-streams'
import { onBothServers } from '../support/both-servers.js'
import type { ConsumerJob, ProducerJob } from '../support/lifetime-jobs.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { memoryReturns } from '../support/settling.js'
import type { Bench } from '../support/subjects.js'

/** Runs a stream between two processes, and answers what the consumer saw. */
async function run(
  bench: Bench,
  produce: Partial<ProducerJob>,
  consume: Partial<ConsumerJob>
): Promise<unknown> {
  const client = await bench.client()
  const before = (await client.status()).memoryUsage
  const stream = await RecordBatchStream.create(client)
  const ends = { socket: bench.server.socket, stream: stream.id }
  const consumer = new TestProcess('consumer', { ...ends, chunks: 'release', ...consume })
  const producer = new TestProcess('producer', { ...ends, ...produce })
  const [consumed, produced] = await Promise.all([consumer.rest(), producer.rest()])
  expect(produced.at(-1)).to.deep.equal({ done: produce.chunks, code: undefined })
  await stream.drop()
  await memoryReturns(client, before)
  expect(consumer.stderr + producer.stderr).to.equal('')
  return consumed.at(-1)
}

onBothServers('A large stream', '512Mi', bench => {
  afterEach(endProcesses)

  it('brings chunks of 32 MiB past a consumer that is slower, complete and in order', async () => {
    const seen = await run(bench, { chunks: 200, bytes: 2 ** 25 }, { pause: 10 })
    expect(seen).to.deep.include({ done: 200, wrong: [], code: undefined })
  })
})

onBothServers('Chunks that are kept', '16Mi', bench => {
  afterEach(endProcesses)

  it('are all intact at the end', async () => {
    // 5,000 rows of the seed page's columns are 80 KB: this is more than a quarter of the server may hold.
    const seen = await run(bench, { chunks: 60, bytes: 81920 }, { chunks: 'keep' })
    expect(seen).to.deep.include({ done: 60, wrong: [], code: undefined })
  })

  it('are copied out when they would fill the server', async () => {
    const seen = await run(bench, { chunks: 1000, bytes: 65536 }, { chunks: 'keep' })
    expect(seen).to.deep.include({ done: 1000, wrong: [], code: undefined })
    expect((seen as { copied: number }).copied).to.be.greaterThan(900)
  })
})
