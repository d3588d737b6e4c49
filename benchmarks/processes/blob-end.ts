import { randomFillSync } from 'node:crypto'
import { connect } from 'vineyard-streams'
import type { Metrics } from '../model.js'
import type { BlobJob } from '../runner/measure-blobs.js'
import { receiveJob, tell } from './job.js'

const { server, bytes, compression, warmUp, measure } = await receiveJob<BlobJob>()
const client = await connect(server, { compression })
// Half of it random, so that compressing it is worth while and not a matter of counting zeroes.
const data = Buffer.alloc(bytes)
randomFillSync(data, 0, bytes / 2)

/** Puts, gets and deletes one blob after the other until `milliseconds` have passed. */
async function rates(milliseconds: number): Promise<Metrics> {
  let count = 0
  let putting = 0
  let getting = 0
  const end = performance.now() + milliseconds
  while (performance.now() < end) {
    data.writeUInt32LE(count)
    const begun = performance.now()
    const id = await client.put(data)
    const put = performance.now()
    const got = await client.get<Buffer>(id)
    getting += performance.now() - put
    putting += put - begun
    if (got.length !== bytes || got.readUInt32LE() !== count) {
      throw new Error(`blob ${count} is not what was put`)
    }
    await client.delete(id)
    count += 1
  }
  const total = count * bytes * 1000
  return { putBytesPerSecond: total / putting, getBytesPerSecond: total / getting }
}

await rates(warmUp)
tell(await rates(measure))
