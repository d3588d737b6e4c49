import { once } from 'node:events'
import { ByteStream, connect, RecordBatchStream, type ObjectId } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'
import type { BothEndsJob } from '../../support/lifetime-jobs.js'
import { numberedBatch } from '../../support/numbered.js'

/** One end of a stream, or both, that is killed in the end. */
const job = await receiveJob<BothEndsJob>()
const client = await connect(job.socket)
const streams = { batches: RecordBatchStream, bytes: ByteStream }
const stream = await streams[job.kind].open(client, job.stream)

if (job.writes !== undefined) {
  const writer = await stream.openWriter(client, { window: job.window })
  for (const id of job.appended ?? []) await writer.append(id as ObjectId)
  for (let number = 0; number < job.writes; number += 1)
    await (job.kind === 'bytes'
      ? writer.append(Buffer.alloc(job.bytes, number) as never)
      : writer.append(numberedBatch(number, job.bytes) as never))
}
const pulled: (ObjectId | undefined)[] = []
if (job.reads !== undefined) {
  const reader = await stream.openReader()
  for (let number = 0; number < job.reads; number += 1)
    if (job.ids === true) pulled.push(await reader.nextId())
    else await reader.next()
}
await tell({ pulled })
// The channel to the test keeps the process alive.
await once(process, 'message')
