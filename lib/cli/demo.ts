import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Bool, Float64, Int64, RecordBatch, vectorFromArray } from 'apache-arrow'
import { Command } from 'commander'
import { connect } from '../client/client.js'
import { write, type Host } from './host.js'
import { Store } from '../store/store.js'
import { RecordBatchStream } from '../streams/recordbatch-stream.js'

const batches = 3
const rowsPerBatch = 4

/** `demo`: a store, a producer and a consumer in a process of its own, which is `cat`. */
export function demoCommand(host: Host): Command {
  return new Command('demo')
    .description('start a store, write record batches here and read them in another process')
    .addHelpText('after', '\nExamples:\n  $ vineyard-streams demo')
    .action(() => demo(host))
}

async function demo({ stderr }: Host): Promise<void> {
  const store = await Store.start({ size: '16Mi' })
  const client = await connect(store.socket)
  try {
    const stream = await RecordBatchStream.create(client, { name: 'demo' })
    await write(
      stderr,
      `store: ${store.socket}\nconsumer: vineyard-streams cat demo --server ${store.socket}\n`
    )
    const main = fileURLToPath(new URL('./main.js', import.meta.url))
    const consumer = spawn(process.execPath, [main, 'cat', 'demo', '--server', store.socket], {
      stdio: 'inherit'
    })
    const ended = once(consumer, 'exit')
    const writer = await stream.openWriter()
    for (let number = 0; number < batches; number += 1) await writer.append(batch(number))
    await writer.finish()
    const [code] = (await ended) as [number | null]
    if (code !== 0) throw new Error(`the consumer ended with code ${code}`)
    const { chunksWritten, bytesWritten } = stream.stats()
    await write(stderr, `${chunksWritten} chunks, ${bytesWritten} bytes of shared memory; OK\n`)
  } finally {
    await client.close()
    await store.close()
  }
}

/** The columns of Vineyard's own example: an integer, a float and a truth value. */
function batch(number: number): RecordBatch {
  const rows = Array.from({ length: rowsPerBatch }, (_, row) => number * rowsPerBatch + row)
  const columns = {
    a: vectorFromArray(rows.map(BigInt), new Int64()),
    b: vectorFromArray(
      rows.map(row => row / 8),
      new Float64()
    ),
    c: vectorFromArray(
      rows.map(row => row % 3 === 0),
      new Bool()
    )
  }
  return new RecordBatch(
    Object.fromEntries(Object.entries(columns).map(([name, vector]) => [name, vector.data[0]])) as never
  )
}
