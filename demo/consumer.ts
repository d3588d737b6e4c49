import type { RecordBatch } from 'apache-arrow'
import { connect, release, RecordBatchStream } from 'vineyard-streams'
import { Checksum } from './checksum.js'
import { receiveJob, sendReport } from './messages.js'

const job = await receiveJob()
const client = await connect(job.socket)
try {
  const stream = await RecordBatchStream.open(client, job.streamId)
  const checksum = new Checksum()
  const frames: string[] = []
  let started: number | undefined
  for await (const batch of stream.createReadStream() as AsyncIterable<RecordBatch>) {
    started ??= performance.now()
    checksum.add(batch)
    if (job.data === 'seed') frames.push(JSON.stringify(batch.toArray().map(String)))
    release(batch)
  }
  const { chunks, rows, bytes } = checksum
  const ms = performance.now() - (started ?? performance.now())
  sendReport({ chunks, rows, bytes, frames, checksum: checksum.digest(), ms })
} finally {
  await client.close()
}
