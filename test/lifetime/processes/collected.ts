import { setImmediate as turn } from 'node:timers/promises'
import type { RecordBatch } from 'apache-arrow'
import { connect, RecordBatchStream } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'
import { numberedBatch, numberOf } from '../../support/numbered.js'

declare const gc: () => void

const { socket } = await receiveJob<{ socket: string }>()
const bytes = 65536
const count = 20
const client = await connect(socket)
const before = (await client.status()).memoryUsage
// Parts of a chunk that was dropped keep all of it.
const kept: (RecordBatch | Int32Array)[] = []

async function carry(stream: RecordBatchStream): Promise<void> {
  const writer = await stream.openWriter()
  const reader = await stream.openReader()
  for (let number = 0; number < count; number += 1) {
    await writer.append(numberedBatch(number, bytes))
    const { value } = await reader.next()
    if (number % 4 === 0) kept.push(value!)
    if (number % 4 === 1) kept.push(value!.slice(0, 10))
    if (number % 4 === 2) kept.push((value!.data.children[0]!.values as Int32Array).subarray(0, 10))
  }
  await writer.finish()
  await reader.next()
  await stream.drop()
}

async function collectedTo(chunks: number): Promise<void> {
  for (;;) {
    gc()
    await turn()
    const { memoryUsage } = await client.status()
    // A chunk has a header of some hundred bytes beside its data.
    const overhead = memoryUsage - before - chunks * bytes
    const isExact = overhead >= 0 && overhead <= chunks * 512
    if (client.stats().leasedBytes === chunks * bytes && isExact) return
  }
}

await carry(await RecordBatchStream.create(client))
await collectedTo(kept.length)
// Everything that was given back is used again, and what is kept is not.
const large = await client.put(new Int32Array(11 * 2 ** 18).fill(-1))
await client.delete(large)
const numbers = kept.map(one => {
  if (one instanceof Int32Array) return one[0]
  return one.numRows === 10 ? (one.getChildAt(0)!.get(0) as number) : numberOf(one)
})
await tell({ numbers })
kept.length = 0
await collectedTo(0)
await client.close()
process.disconnect()
