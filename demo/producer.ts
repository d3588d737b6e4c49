import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RecordBatch } from 'apache-arrow'
import { connect, RecordBatchStream } from 'vineyard-streams'
import { Checksum } from './checksum.js'
import { batches, rowCounts } from './data.js'
import { receiveJob, sendReport, type Job } from './messages.js'
import { Progress } from './progress.js'

/** The seed page's producer: put a data frame, append its id, finish. */
async function produceByHand(stream: RecordBatchStream, job: Job, checksum: Checksum): Promise<string[]> {
  const client = await connect(job.socket)
  const writer = await stream.openWriter(client)
  const frames: string[] = []
  try {
    for await (const batch of batches(job.data)) {
      const id = await client.put(batch, { as: 'dataframe' })
      await writer.append(id)
      checksum.add(batch)
      frames.push(JSON.stringify(batch.toArray().map(String)))
    }
    await writer.finish()
  } finally {
    await client.close()
  }
  return frames
}

/** The same with an ordinary Node stream. */
async function produceByPipeline(stream: RecordBatchStream, job: Job, checksum: Checksum): Promise<void> {
  const progress = new Progress(`producer: ${job.data}`, rowCounts[job.data])
  await pipeline(
    Readable.from(batches(job.data), { highWaterMark: 1 }),
    async function* (source: AsyncIterable<RecordBatch>) {
      for await (const batch of source) {
        checksum.add(batch)
        progress.update(checksum.rows)
        yield batch
      }
    },
    stream.createWriteStream()
  )
}

const job = await receiveJob()
const client = await connect(job.socket)
try {
  const stream = await RecordBatchStream.open(client, job.streamId)
  const checksum = new Checksum()
  const started = performance.now()
  const frames = job.data === 'seed' ? await produceByHand(stream, job, checksum) : []
  if (job.data !== 'seed') await produceByPipeline(stream, job, checksum)
  const { chunks, rows, bytes } = checksum
  sendReport({ chunks, rows, bytes, frames, checksum: checksum.digest(), ms: performance.now() - started })
} finally {
  await client.close()
}
