import { once } from 'node:events'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import type { RecordBatch } from 'apache-arrow'
import { connect, RecordBatchStream, release, type Client, type VineyardError } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'
import { numberedBatch } from '../../support/numbered.js'
import { ownResources } from '../../support/own-resources.js'
import { rejection } from '../../support/rejection.js'

const { socket, times } = await receiveJob<{ socket: string; times: number }>()

const bytes = 8192
const started = ownResources()
const client = await connect(socket)
const opened = ownResources()

function source(chunks: number): Readable {
  return Readable.from(
    (function* () {
      for (let number = 0; number < chunks; number += 1) yield numberedBatch(number, bytes)
    })(),
    { highWaterMark: 1 }
  )
}

function expectCode(error: Error & { code?: string }, ...codes: string[]): void {
  if (!codes.includes(error.code ?? '')) throw new Error(`expected ${codes.join(' or ')}`, { cause: error })
}

type Scenario = (stream: RecordBatchStream, client: Client) => Promise<void>

/** Ways to use a stream. None of them waits for the collector. */
const scenarios: Record<string, Scenario> = {
  async complete(stream) {
    const writing = pipeline(source(3), stream.createWriteStream())
    for await (const batch of stream.createReadStream() as AsyncIterable<RecordBatch>) release(batch)
    await writing
  },
  async copied(stream) {
    const writing = pipeline(source(3), stream.createWriteStream())
    for await (const _ of stream.createReadStream({ copy: true })) continue
    await writing
  },
  async 'left early'(stream) {
    const writing = rejection(pipeline(source(Infinity), stream.createWriteStream()))
    for await (const batch of stream.createReadStream({ highWaterMark: 4 }) as AsyncIterable<RecordBatch>) {
      release(batch)
      break
    }
    expectCode(await writing, 'ERR_VINEYARD_STREAM_FAILED')
  },
  async 'destroyed with unread chunks'(stream) {
    const writing = pipeline(source(3), stream.createWriteStream())
    const readable = stream.createReadStream({ highWaterMark: 3 })
    readable.once('readable', () => {})
    await writing
    readable.destroy()
    await once(readable, 'close')
  },
  async 'aborted reading'(stream) {
    const abort = new AbortController()
    const reading = rejection(stream.createReadStream({ signal: abort.signal }).toArray())
    const writer = await stream.openWriter()
    abort.abort()
    expectCode(await reading, 'ABORT_ERR')
    await writer.close()
  },
  async 'aborted writing'(stream) {
    const abort = new AbortController()
    const writable = stream.createWriteStream({ signal: abort.signal, window: { chunks: 1 } })
    const writing = rejection(pipeline(source(9), writable))
    const reader = await stream.openReader()
    release((await reader.next()).value)
    abort.abort()
    expectCode(await writing, 'ABORT_ERR')
    await reader.close()
  },
  async 'aborted before it opened'(stream) {
    const signal = AbortSignal.abort()
    expectCode(await rejection(finished(stream.createReadStream({ signal }))), 'ABORT_ERR')
    expectCode(await rejection(finished(stream.createWriteStream({ signal }))), 'ABORT_ERR')
  },
  async 'destroyed while it opens'(stream) {
    const writable = stream.createWriteStream().destroy()
    await once(writable, 'close')
    // It gives the stream up, which nobody could open for writing after that.
    const readable = stream.createReadStream().destroy()
    await once(readable, 'close')
  },
  async 'refused a second end'(stream) {
    const [reader, writer] = [await stream.openReader(), await stream.openWriter()]
    expectCode(await rejection(stream.openReader()), 'ERR_VINEYARD_STREAM_OPENED')
    expectCode(await rejection(finished(stream.createWriteStream())), 'ERR_VINEYARD_STREAM_OPENED')
    await writer.close()
    await reader.close()
  },
  async 'dropped under both ends'(stream) {
    const [reader, writer] = [await stream.openReader(), await stream.openWriter()]
    const waiting = rejection(reader.next())
    await stream.drop()
    expectCode(await waiting, 'ERR_VINEYARD_STREAM_FAILED')
    expectCode(await rejection(writer.append(numberedBatch(0, bytes))), 'ERR_VINEYARD_STREAM_FAILED')
    await writer.close()
    await reader.close()
  },
  async 'never read'(stream) {
    await pipeline(source(3), stream.createWriteStream())
  },
  async 'writer destroyed'(stream) {
    const writable = stream.createWriteStream()
    await new Promise(resolve => writable.write(numberedBatch(0, bytes), resolve))
    writable.destroy(new Error('the source broke'))
    await rejection(finished(writable))
  },
  async 'allocated and not appended'(stream) {
    const writer = await stream.openWriter()
    await writer.allocate(bytes)
    await writer.close()
  },
  async 'failed to append'(stream) {
    const writer = await stream.openWriter()
    expectCode(await rejection(writer.append(Symbol('no value') as never)), 'ERR_VINEYARD_TYPE')
    await writer.close()
  },
  async 'closed with the client'(stream, parent) {
    const other = await parent.fork()
    const seen = await RecordBatchStream.open(other, stream.id)
    const [reader, writer] = [await seen.openReader(), await seen.openWriter()]
    await writer.append(numberedBatch(0, bytes))
    release((await reader.next()).value)
    const waiting = rejection(reader.next())
    await other.close()
    expectCode(await waiting, 'ERR_VINEYARD_CLOSED')
    expectCode(await rejection(writer.append(numberedBatch(1, bytes))), 'ERR_VINEYARD_CLOSED')
  }
}

async function run(scenario: Scenario): Promise<void> {
  const stream = await RecordBatchStream.create(client)
  await scenario(stream, client)
  await stream.drop()
}

/** Descriptors are closed on the event loop: a few turns later everything must be as it was. */
async function back(to: ReturnType<typeof ownResources>, what: string): Promise<void> {
  for (let turn = 0; ; turn += 1) {
    const now = ownResources()
    if (now.descriptors <= to.descriptors && now.mappings <= to.mappings && now.threads <= to.threads) return
    if (turn === 1000) throw new Error(`${what}: ${JSON.stringify(now)}, before it was ${JSON.stringify(to)}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

const names = Object.keys(scenarios)
// Thread pool, mappings and caches come with the first use.
for (const name of names) {
  await run(scenarios[name]!)
  await back({ ...ownResources(), descriptors: opened.descriptors }, `after ${name}`)
}
const used = ownResources()
const { memoryUsage } = await client.status()
for (const name of names) {
  try {
    for (let time = 0; time < times; time += 1) await run(scenarios[name]!)
    await back(used, 'after many')
    const status = await client.status()
    const left = status.memoryUsage - memoryUsage
    if (left > 0) throw new Error(`${left} bytes are left in the server`)
    await tell({ scenario: name })
  } catch (error) {
    const { message, code, cause, stack } = error as VineyardError
    await tell({ scenario: name, error: `${code} ${message} ${String((cause as Error)?.stack ?? stack)}` })
  }
}
await client.close()
await back({ ...used, descriptors: started.descriptors, mappings: 0 }, 'after the client was closed')
process.disconnect()
