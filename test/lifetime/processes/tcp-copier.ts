/** Writes a stream over TCP and reads it, and tells now and then how much memory it has had at most. */
import { ByteStream, connect } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'

interface Job {
  endpoint: string
  compression: boolean
  bytes: number
  /** How many chunks go through before each report. */
  rounds: number[]
}

const { endpoint, compression, bytes, rounds } = await receiveJob<Job>()
const client = await connect(endpoint, { compression })
const stream = await ByteStream.create(client)
const reader = await (await client.get<ByteStream>(stream.id)).openReader()
const writer = await stream.openWriter(undefined, { window: { chunks: 2 } })
const chunk = Buffer.alloc(bytes, 'text that can be compressed')
for (const round of rounds) {
  const writing = (async () => {
    for (let number = 0; number < round; number += 1) {
      chunk.writeUInt32LE(number)
      await writer.append(chunk)
    }
  })()
  for (let number = 0; number < round; number += 1) {
    const { value } = await reader.next()
    if (value?.length !== bytes || value.readUInt32LE() !== number)
      throw new Error(`chunk ${number} is wrong`)
  }
  await writing
  await tell(process.resourceUsage().maxRSS * 1024)
}
await writer.finish()
await client.close()
process.disconnect()
