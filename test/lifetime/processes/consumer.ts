import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { RecordBatch } from 'apache-arrow'
import { connect, RecordBatchStream, release, type VineyardError } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'
import type { ConsumerJob, ConsumerReport } from '../../support/lifetime-jobs.js'
import { numberOf } from '../../support/numbered.js'

const report = (message: ConsumerReport): Promise<void> => tell(message)
const job = await receiveJob<ConsumerJob>()
const client = await connect(job.socket)
const stream = await RecordBatchStream.open(client, job.stream)
const reader = await stream.openReader()
await report({ opened: true })

async function hold(count: number): Promise<never> {
  await report({ holding: count })
  // The channel to the test keeps the process alive.
  await once(process, 'message')
  throw new Error('a process that holds chunks is to be killed')
}

const kept: RecordBatch[] = []
const wrong: number[] = []
let count = 0
let skipped = 0
let code: string | undefined
try {
  if (job.holdAfter === 0) await hold(0)
  for await (const batch of reader) {
    if (job.resumes === true && count === 0) skipped = numberOf(batch)
    if (numberOf(batch) !== skipped + count) wrong.push(count)
    if (job.tells === true) await report({ read: skipped + count })
    count += 1
    if (job.pause !== undefined) await delay(job.pause)
    if (job.chunks === 'keep') kept.push(batch)
    if (count === job.holdAfter) await hold(count)
    if (job.chunks === 'release') release(batch)
  }
} catch (error) {
  code = (error as VineyardError).code
}
kept.forEach((batch, index) => {
  if (numberOf(batch) !== skipped + index) wrong.push(index)
})
for (const batch of kept) release(batch)
const copied = stream.stats().chunksCopied
await client.close()
await report({ done: count, wrong, copied, code })
process.disconnect()
