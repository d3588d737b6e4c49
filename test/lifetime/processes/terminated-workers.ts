import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Worker } from 'node:worker_threads'
import { connect, RecordBatchStream, release, type Client } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'
import { numberedBatch, numberOf } from '../../support/numbered.js'
import { ownResources } from '../../support/own-resources.js'
import { rejection } from '../../support/rejection.js'

const { socket, times } = await receiveJob<{ socket: string; times: number }>()

async function terminateWhileItRuns(role: string, stream: string, peer?: () => Promise<void>): Promise<void> {
  const worker = new Worker(new URL('./worker-end.js', import.meta.url), {
    workerData: { role, socket, stream }
  })
  const running = once(worker, 'message')
  const ended = peer?.()
  await running
  await worker.terminate()
  await ended
}

async function readAll(stream: RecordBatchStream, codes: string[]): Promise<void> {
  let count = 0
  try {
    for await (const batch of stream.createReadStream()) {
      if (numberOf(batch) !== count) throw new Error(`chunk ${count} is wrong`)
      count += 1
      release(batch)
    }
    codes.push('no failure')
  } catch (error) {
    codes.push((error as { code: string }).code)
  }
}

/** Writes this many chunks and leaves the stream open. */
async function write(stream: RecordBatchStream, codes: string[], chunks: number): Promise<void> {
  let number = 0
  const source = new Readable({
    objectMode: true,
    highWaterMark: 1,
    read() {
      if (number < chunks) this.push(numberedBatch(number++, 16384))
    }
  })
  codes.push((await rejection(pipeline(source, stream.createWriteStream()))).code ?? '')
}

type Round = (client: Client, codes: string[]) => Promise<void>

const rounds: Record<string, Round> = {
  async write(client, codes) {
    const stream = await RecordBatchStream.create(client)
    await terminateWhileItRuns('write', stream.id, () => readAll(stream, codes))
    await stream.drop()
  },
  async read(client, codes) {
    const stream = await RecordBatchStream.create(client)
    await terminateWhileItRuns('read', stream.id, () => write(stream, codes, Infinity))
    await stream.drop()
  },
  async wait(client, codes) {
    const stream = await RecordBatchStream.create(client)
    await terminateWhileItRuns('wait', stream.id, () => write(stream, codes, 1))
    await stream.drop()
  },
  async everything() {
    await terminateWhileItRuns('everything', '')
  }
}

// A write stream that has nothing to write does not keep a process alive: the channel to the test does.
process.on('message', () => {})
for (const [role, round] of Object.entries(rounds)) {
  const codes: string[] = []
  const client = await connect(socket)
  // What Node and the addon keep for later comes with the first worker.
  await round(client, codes)
  const before = ownResources()
  for (let time = 0; time < times; time += 1) await round(client, codes)
  const now = ownResources()
  await client.close()
  await tell({
    role,
    codes: [...new Set(codes)],
    descriptors: now.descriptors - before.descriptors,
    mappings: now.mappings - before.mappings,
    threads: now.threads - before.threads
  })
}
process.disconnect()
