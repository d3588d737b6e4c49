import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { ByteStream, connect, RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import type { ConsumerJob, ConsumerReport } from '../support/lifetime-jobs.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { holdingsOf, settled, type Holdings } from '../support/settling.js'

const kib = 1024
const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number)

describe('A resumable stream', () => {
  let store: Store
  let client: Client
  let start: Holdings

  before(async () => {
    store = await Store.start({ size: '4Mi' })
    start = await holdingsOf(store)
  })
  beforeEach(async () => {
    client = await connect(store.socket)
  })
  afterEach(endProcesses)
  afterEach(async () => {
    await client.close()
    await settled(store, start)
  })
  after(() => store.close())

  it('is left to the next reader by a read stream that is destroyed before it has opened', async () => {
    const stream = await ByteStream.create(client, { resumable: true })
    const writable = stream.createWriteStream()
    writable.end('all of it')
    stream.createReadStream().destroy()
    expect(Buffer.concat(await stream.createReadStream().toArray()).toString()).to.equal('all of it')
    await stream.drop().catch(() => {})
  })

  it('is read on where a killed consumer stopped, and its writer waits meanwhile', async () => {
    const count = 100
    const stream = await RecordBatchStream.create(client, { resumable: true })
    let accepted = 0
    const writer = await stream.openWriter(undefined, { window: { chunks: 8 } })
    const writing = (async () => {
      for (; accepted < count; accepted += 1) await writer.append(numberedBatch(accepted, 16 * kib))
      await writer.finish()
    })()
    const job: ConsumerJob = { socket: store.socket, stream: stream.id, chunks: 'release', tells: true }
    let next = 0
    for (const holdAfter of [1, 20]) {
      const child = new TestProcess('consumer', { ...job, resumes: true, holdAfter })
      let read = -1
      for (;;) {
        const report = await child.next<ConsumerReport>()
        if ('holding' in report) break
        if (!('read' in report)) continue
        // Nothing is left out; what the one before had in hand comes again.
        if (read < 0) expect(report.read).to.be.within(next - 1, next)
        else expect(report.read).to.equal(read + 1)
        read = report.read
      }
      next = read + 1
      await child.kill()
      for (let turns = 0; turns < 50; turns += 1) await turn()
      expect(accepted).to.be.at.most(next + 8)
    }
    const last = new TestProcess('consumer', { ...job, tells: false, resumes: true })
    await writing
    const report = (await last.rest<ConsumerReport>()).at(-1) as { done: number; wrong: number[] }
    expect(report).to.deep.include({ wrong: [], code: undefined })
    expect(report.done).to.be.within(count - next, count - next + 1)
    await stream.drop()
  })

  it('is read on after close(), break and destroy(), from the chunk in hand on', async () => {
    const count = 12
    const stream = await RecordBatchStream.create(client, { resumable: true })
    const writing = (async () => {
      const writer = await stream.openWriter()
      for (let number = 0; number < count; number += 1) await writer.append(numberedBatch(number, kib))
      await writer.finish()
    })()
    const reader = await stream.openReader()
    for (let number = 0; number < 3; number += 1) release((await reader.next()).value)
    await reader.close()
    const seen: number[] = []
    for await (const batch of stream.createReadStream()) {
      seen.push(numberOf(batch))
      release(batch)
      if (seen.length === 4) break
    }
    expect(seen.splice(0)).to.deep.equal([2, 3, 4, 5])
    const readable = stream.createReadStream()
    await new Promise<void>(resolve => {
      readable.on('data', batch => {
        seen.push(numberOf(batch))
        release(batch)
        if (seen.length === 2) readable.destroy()
      })
      readable.once('close', resolve)
    })
    expect(seen.splice(0)).to.deep.equal([5, 6])
    for await (const batch of await stream.openReader()) {
      seen.push(numberOf(batch))
      release(batch)
    }
    expect(seen).to.deep.equal(upTo(count).slice(6))
    await writing
    await stream.drop()
  })

  it('reads nothing ahead in byte mode either', async () => {
    const stream = await ByteStream.create(client, { resumable: true })
    const writable = stream.createWriteStream({ objectMode: true })
    for (let number = 0; number < 8; number += 1) writable.write(Buffer.alloc(kib, number))
    writable.end()
    const seen: number[] = []
    for await (const bytes of stream.createReadStream()) {
      seen.push(bytes[0]!)
      if (seen.length === 3) break
    }
    for await (const bytes of stream.createReadStream()) seen.push(bytes[0]!)
    expect(seen).to.deep.equal([0, 1, 2, 2, 3, 4, 5, 6, 7])
    await stream.drop()
  })

  it('lets each of several readers be replaced', async () => {
    const stream = await RecordBatchStream.create(client, { consumers: 2, resumable: true })
    const writer = await stream.openWriter()
    for (let number = 0; number < 6; number += 1) await writer.append(numberedBatch(number, kib))
    await writer.finish()
    const whole = await stream.openReader()
    const first = await stream.openReader()
    for (let number = 0; number < 4; number += 1) release((await first.next()).value)
    await first.close()
    const second = await stream.openReader()
    for (const [reader, from] of [
      [whole, 0],
      [second, 3]
    ] as const) {
      for (let number = from; number < 6; number += 1) {
        const { value } = await reader.next()
        expect(numberOf(value!)).to.equal(number)
        release(value)
      }
      expect((await reader.next()).done).to.equal(true)
    }
    await stream.drop()
  })
})
