import { once } from 'node:events'
import { connect, type VineyardStream } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'

/** Takes one end of each stream and does nothing with it until it is killed. */
const { socket, end, streams } = await receiveJob<{
  socket: string
  end: 'reader' | 'writer'
  streams: string[]
}>()
const client = await connect(socket)
const ends: unknown[] = []
for (const id of streams) {
  const stream = await client.get<VineyardStream>(id)
  ends.push(await (end === 'reader' ? stream.openReader() : stream.openWriter()))
}
await tell({ taken: ends.length })
await once(process, 'message')
