/**
 * A session with every kind of end, good and bad, in a process that nobody else has changed: tells which listeners the
 * process had meanwhile. Node ends it with an error if a rejection is not handled.
 */
import { ByteStream, connect, RecordBatchStream, release, Store } from 'vineyard-streams'
import { seedBatch } from '../../support/batches.js'
import { rejection } from '../../support/rejection.js'
import { tell } from '../../support/child.js'

/** Events with listeners, except those of the channel to the test and of what Node itself adds. */
function listenersOfProcess(): Record<string, number> {
  const own = new Set(['disconnect', 'newListener', 'removeListener', 'internalMessage'])
  const names = process.eventNames().filter(name => typeof name === 'string' && !own.has(name)) as string[]
  return Object.fromEntries(names.map(name => [name, process.listenerCount(name)]))
}

const before = listenersOfProcess()
const store = await Store.start({ size: '8Mi' })
const client = await connect(store.socket)

const stream = await RecordBatchStream.create(client, { name: 'batches' })
const writable = stream.createWriteStream()
writable.write(seedBatch(1, 100))
writable.end(seedBatch(2, 100))
for await (const batch of stream.createReadStream()) release(batch)

// A writer that is destroyed, with a reader that nobody listens to; a reader that is destroyed under its writer.
const failed = await ByteStream.create(client)
const reader = await failed.openReader()
const destroyed = failed.createWriteStream().on('error', () => {})
destroyed.write('something', () => destroyed.destroy(new Error('on purpose')))
await reader.next()
await rejection(reader.next())
const left = await ByteStream.create(client)
const writer = await left.openWriter()
await writer.append(Buffer.alloc(10))
void writer.allocate(7 * 2 ** 20).catch(() => {})
left.createReadStream().destroy()

// Calls that nobody waits for when the client is closed, and an aborted one.
const waiting = [client.getName('never', { wait: true }), client.getName('never', { wait: true, signal: AbortSignal.timeout(1) })] // prettier-ignore
const ends = Promise.allSettled(waiting)
const during = listenersOfProcess()
await rejection(client.get('o0000000000000001'))
await rejection(connect('/nonexistent/socket'))
await client.close()
await ends
await store.close()
await new Promise(resolve => setTimeout(resolve, 20))
await tell({ before, during, after: listenersOfProcess() })
process.disconnect()
