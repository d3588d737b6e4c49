/** Reads without ever releasing while the store is small, and tells the warnings that this earns. */
import { ByteStream, connect, release, Store } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'

const { releases } = await receiveJob<{ releases: boolean }>()
const warnings: object[] = []
process.on('warning', warning => {
  const { name, message, code, detail } = warning as Error & { code?: string; detail?: string }
  warnings.push({ name, message, code, detail })
})

const bytes = 2 ** 20
const store = await Store.start({ size: '16Mi' })
const client = await connect(store.socket)
const stream = await ByteStream.create(client)
const writing = (async () => {
  const writer = await stream.openWriter()
  for (let i = 0; i < 24; i += 1) await writer.append(Buffer.alloc(bytes, i))
  await writer.finish()
})()
function openHere(): ReturnType<typeof stream.openReader> {
  return stream.openReader()
}
const reader = await openHere()
for (;;) {
  const { done, value } = await reader.next()
  if (done === true) break
  if (releases) release(value)
}
await writing
// What the collector gives back it tells in a task of its own.
for (let i = 0; i < 10; i += 1) {
  globalThis.gc?.()
  await new Promise(resolve => setImmediate(resolve))
}
await tell({ warnings, stats: stream.stats() })
await client.close()
await store.close()
process.disconnect()
