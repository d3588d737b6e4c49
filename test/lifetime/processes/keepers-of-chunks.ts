import { setImmediate as turn } from 'node:timers/promises'
import { ByteStream, connect, type Client, type StreamReader, type StreamWriter } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'
import { rejection } from '../../support/rejection.js'

declare const gc: () => void

const { socket, how } = await receiveJob<{ socket: string; how: Ending | 'stream' }>()

/**
 * Has everything of its own in `this`, as objects do, so that whatever keeps a frame of one of its methods keeps the chunk
 * too, which is then never collected.
 */
class Keeper {
  chunk: Buffer | undefined
  client!: Client
  reader!: StreamReader<Buffer>

  constructor(readonly writer: StreamWriter<unknown>) {}

  async openReader(stream: ByteStream): Promise<void> {
    this.client = await connect(socket)
    this.reader = await (await ByteStream.open(this.client, stream.id)).openReader()
    this.chunk = (await this.reader.next()).value
  }

  async closeClient(): Promise<void> {
    await this.client.close()
  }

  async closeReader(): Promise<void> {
    await this.reader.close()
    await this.client.close()
  }

  async closeWhileWaiting(): Promise<void> {
    const next = rejection(this.reader.next())
    await this.reader.close()
    await next
    await this.client.close()
  }

  async failWriter(): Promise<void> {
    await this.writer.fail()
    await rejection(this.reader.next())
    await this.client.close()
  }

  async createReadStream(stream: ByteStream): Promise<void> {
    for await (const chunk of stream.createReadStream({ objectMode: true })) this.chunk = chunk
  }
}

type Ending = 'closeClient' | 'closeReader' | 'closeWhileWaiting' | 'failWriter'

const client = await connect(socket)
const { memoryUsage: before } = await client.status()

async function keep(): Promise<void> {
  const stream = await ByteStream.create(client)
  const writer = await stream.openWriter()
  await writer.append(Buffer.alloc(100_000))
  const keeper = new Keeper(writer)
  if (how === 'stream') {
    await writer.finish()
    await keeper.createReadStream(stream)
  } else {
    await keeper.openReader(stream)
    await keeper[how]()
    // What it has in advance counts, too.
    await writer.close()
  }
}

for (let i = 0; i < 3; i += 1) await keep()
// The last one may stay in a register, or on the stack, of code that V8 has compiled.
for (;;) {
  gc()
  await turn()
  const { memoryUsage } = await client.status()
  if (memoryUsage - before <= 100_000) break
}
await tell('collected')
await client.close()
process.disconnect()
