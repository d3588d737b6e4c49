import { ByteStream, connect, type Client, type VineyardError } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'
import type { ManyEndsJob, ManyEndsReport } from '../../support/lifetime-jobs.js'

const report = (message: ManyEndsReport): Promise<void> => tell(message)
const job = await receiveJob<ManyEndsJob>()
const client = await connect(job.socket)
const [written, read] = await Promise.all([streamsOf(client, job.written), streamsOf(client, job.read)])
await report({ ready: true })
await receiveJob()

const begun = performance.now()
const [writers, readers] = await Promise.all([
  Promise.all(written.map(stream => stream.openWriter(client, { window: { chunks: 1 } }))),
  Promise.all(read.map(stream => stream.openReader()))
])
await report({ opened: writers.length + readers.length, within: performance.now() - begun })

// Each end waits for the other one: writers for the window, readers for a chunk.
const waits = [
  ...writers.map(async writer => {
    for (;;) await writer.append(Buffer.from('chunk'))
  }),
  ...readers.map(async reader => {
    while (!(await reader.next()).done) continue
  })
]
await Promise.all(
  waits.map(wait => wait.catch((error: unknown) => report({ failed: (error as VineyardError).code })))
)
await client.close()
process.disconnect()

function streamsOf(of: Client, ids: readonly string[]): Promise<ByteStream[]> {
  return Promise.all(ids.map(id => ByteStream.open(of, id)))
}
