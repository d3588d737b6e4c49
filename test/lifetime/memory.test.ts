import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import { ByteStream, connect, RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import type { ConsumerReport } from '../support/lifetime-jobs.js'
import { long, longTag, reportLong } from '../support/long-report.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { descriptorsOf } from '../support/own-resources.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { rejection } from '../support/rejection.js'
import { eventually, holdingsOf, memoryReturns, settled, type Holdings } from '../support/settling.js'

const kib = 1024
const mib = 1024 * kib
const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
const index = new URL('../../../dist/index.js', import.meta.url)

/** The pages that the memory files of this process have, in bytes. */
function bytesOfMemoryFiles(): number {
  const files = new Map<number, number>()
  for (const descriptor of descriptorsOf('self')) {
    const [, number] = /^self\/([0-9]+) \/memfd:/.exec(descriptor) ?? []
    if (number === undefined) continue
    // A client has the file of the store: counted once.
    const { ino, blocks } = statSync(`/proc/self/fd/${number}`)
    files.set(ino, blocks * 512)
  }
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0)
}

describe('Memory', () => {
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

  /** What can free three quarters of the store, made and then freed. */
  const frees: Record<string, () => Promise<() => Promise<unknown>>> = {
    async 'the deletion of an object'() {
      const id = await client.put(Buffer.alloc(3 * mib))
      return () => client.delete(id)
    },
    async 'the drop of another stream'() {
      const other = await RecordBatchStream.create(client)
      const writer = await other.openWriter()
      await writer.append(numberedBatch(0, 3 * mib))
      return async () => {
        await other.drop()
        await writer.close()
      }
    },
    async 'the reader of another stream'() {
      const other = await RecordBatchStream.create(client)
      const writer = await other.openWriter()
      await writer.append(numberedBatch(0, 3 * mib))
      await writer.finish()
      return async () => {
        for await (const batch of await other.openReader()) release(batch)
        await other.drop()
      }
    },
    async 'the end of a connection with unfinished memory'() {
      const other = await client.fork()
      const stream = await RecordBatchStream.create(client)
      const writer = await stream.openWriter(other)
      await writer.allocate(3 * mib)
      return async () => {
        await other.close()
        await stream.drop()
      }
    },
    async 'the end of a process that holds a chunk'() {
      const other = await RecordBatchStream.create(client)
      const writer = await other.openWriter()
      await writer.append(numberedBatch(0, 3 * mib))
      const job = { socket: store.socket, stream: other.id, chunks: 'keep', holdAfter: 1 }
      const child = new TestProcess('consumer', job)
      await child.next()
      await child.next()
      return async () => {
        await child.kill()
        await writer.close()
        await other.drop()
      }
    }
  }

  for (const [title, fill] of Object.entries(frees)) {
    it(`lets a waiting writer go on after ${title}`, async () => {
      const free = await fill()
      const stream = await RecordBatchStream.create(client)
      const writer = await stream.openWriter(undefined, { window: { bytes: 4 * mib } })
      let accepted = false
      const append = writer.append(numberedBatch(1, 2 * mib)).then(() => (accepted = true))
      for (let turns = 0; turns < 50; turns += 1) await turn()
      expect(accepted).to.equal(false)
      await free()
      await append
      await writer.close()
      await stream.drop()
    })
  }

  it('refuses at once what can never fit', async () => {
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    for (const attempt of [
      () => writer.append(numberedBatch(0, 5 * mib)),
      () => writer.allocate(5 * mib),
      () => client.put(Buffer.alloc(5 * mib))
    ]) {
      expect(await rejection(attempt())).to.have.property('code', 'ERR_VINEYARD_NO_MEMORY')
    }
    await writer.close()
    await stream.drop()
  })

  it(`lets the writer advance by exactly the bytes that fit, and not at all for two seconds ${longTag}`, async () => {
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter(undefined, { window: { bytes: 100 * kib } })
    // Bytes of the chunks: 40 and 60 fill the window, then each chunk in turn lets some others in.
    const sizes = [40, 60, 10, 30, 50, 20, 90]
    let accepted = 0
    const writing = (async () => {
      for (const size of sizes) {
        await writer.append(numberedBatch(accepted, size * kib))
        accepted += 1
      }
      await writer.finish()
    })()
    const reader = await stream.openReader()
    // After n chunks were left behind; the one in hand still counts.
    const limits = [2, 4, 5, 6, 6, 6, 7]
    for (const [left, most] of limits.entries()) {
      const { value } = await reader.next()
      await eventually(() => accepted >= most, `chunk ${most} to be accepted, ${left} left behind`)
      if (left === 1 || long) await delay(2000)
      else for (let turns = 0; turns < 20; turns += 1) await turn()
      expect(accepted).to.equal(most)
      release(value)
    }
    expect((await reader.next()).done).to.equal(true)
    await writing
    await stream.drop()
  })

  it('counts chunks of about one size with what is in them, whatever memory they have', async () => {
    // Large enough for memory of one size to be taken ahead, and used for all of these.
    const large = await Store.start({ size: '64Mi' })
    try {
      const own = await connect(large.socket)
      for (const [limit, sizes, most] of [
        [276, [100, 88, 88, 88], 3],
        [290, [100, 100, 88, 88], 3],
        [288, [100, 100, 88, 88], 3],
        [287, [100, 100, 88, 88], 2]
      ] as const) {
        const stream = await RecordBatchStream.create(own)
        const writer = await stream.openWriter(undefined, { window: { bytes: limit * kib } })
        let accepted = 0
        const writing = (async () => {
          for (const size of sizes) {
            await writer.append(numberedBatch(accepted, size * kib))
            accepted += 1
          }
          await writer.finish()
        })()
        await eventually(() => accepted >= most, `${most} chunks of ${sizes.join()} KiB in ${limit} KiB`)
        for (let turns = 0; turns < 50; turns += 1) await turn()
        expect(accepted, `${sizes.join()} KiB in ${limit} KiB`).to.equal(most)
        const bytes = kib * sizes.slice(0, most).reduce((sum, size) => sum + size, 0)
        expect(stream.stats().bytesWritten).to.equal(bytes)
        for await (const batch of await stream.openReader()) release(batch)
        await writing
        expect(stream.stats().bytesRead).to.equal(stream.stats().bytesWritten)
        await stream.drop()
      }
      await own.close()
    } finally {
      await large.close({ drain: 0 })
    }
  })

  it(`keeps ${long ? '10,000' : 500} chunks intact that a consumer holds on to ${longTag}`, async function () {
    if (long) this.timeout(10 * 60_000)
    const count = long ? 10_000 : 500
    const stream = await RecordBatchStream.create(client)
    const writing = (async () => {
      const writer = await stream.openWriter()
      for (let number = 0; number < count; number += 1) await writer.append(numberedBatch(number, 32 * kib))
      await writer.finish()
    })()
    const kept: RecordBatch[] = []
    for await (const batch of stream.createReadStream()) kept.push(batch)
    await writing
    const corrupt = kept.filter((batch, number) => numberOf(batch) !== number).length
    reportLong({ test: 'chunks kept under pressure', corrupt, note: `${count} chunks` })
    expect(kept.map(numberOf)).to.deep.equal(Array.from({ length: count }, (_, number) => number))
    // Some were leased, within the budget, and most had to be copied.
    const { leasedBytes } = await store.status()
    expect(leasedBytes).to.be.within(32 * kib, 1.5 * mib)
    expect(stream.stats().chunksCopied).to.be.above(count / 2)
    for (const batch of kept) release(batch)
    await stream.drop()
  })

  it('has its pages when it is given out, before anybody touches them', async () => {
    const own = await Store.start({ size: '64Mi' })
    const to = await connect(own.socket)
    const stream = await ByteStream.create(to)
    const writer = await stream.openWriter()
    const before = bytesOfMemoryFiles()
    const chunk = await writer.allocate(16 * mib)
    expect(chunk.byteLength).to.equal(16 * mib)
    expect(bytesOfMemoryFiles() - before).to.be.at.least(16 * mib)
    await writer.close()
    await to.close()
    await own.close({ drain: 0 })
  })

  it('is refused with a code where the system sets a limit to files, without a signal', async () => {
    const script = `
      import { Store } from ${JSON.stringify(index.href)}
      try { await Store.start({ size: 67108864 }) } catch (error) { console.log(error.code, error.cause.code) }`
    const node = `exec "${process.execPath}" --input-type=module -e '${script}'`
    // In KiB.
    const child = spawn('bash', ['-c', `ulimit -f 20000; ${node}`], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    expect({ code, signal, output }).to.deep.equal({
      code: 0,
      signal: null,
      output: 'ERR_VINEYARD_NO_MEMORY EFBIG\n'
    })
  })

  const gib = long ? 10 : 1
  it(`stays flat in all three processes while ${gib} GiB pass a store of 256 MiB ${longTag}`, async function () {
    if (long) this.timeout(10 * 60_000)
    const directory = mkdtempSync(join(tmpdir(), 'vineyard-streams-'))
    const socket = join(directory, 'store.sock')
    const server = spawn(process.execPath, [program, 'serve', '--socket', socket, '--size', '256Mi'], {
      stdio: ['ignore', 'ignore', 'pipe']
    })
    try {
      await once(server.stderr, 'data')
      server.stderr.resume()
      const own = await connect(socket)
      const stream = await RecordBatchStream.create(own)
      const bytes = 4 * mib
      const chunks = (gib * 1024 * mib) / bytes
      const job = { socket, stream: stream.id, chunks: 'release', tells: true }
      const consumer = new TestProcess('consumer', job)
      const producer = new TestProcess('producer', { socket, stream: stream.id, chunks, bytes })
      const pids = [server.pid as number, producer.pid, consumer.pid]
      let early: number[] = []
      let late: number[] = []
      for (;;) {
        const report = await consumer.next<ConsumerReport>()
        if ('done' in report) {
          expect(report).to.deep.include({ done: chunks, wrong: [], code: undefined })
          break
        }
        if (!('read' in report)) continue
        if (report.read === Math.floor(chunks / 4)) early = pids.map(ownMemory)
        // The producer, which ends when everything is in the store, is still far from that.
        if (report.read === chunks - 32) late = pids.map(ownMemory)
      }
      const grown = late.map((now, process) => Math.round((now - early[process]!) / kib))
      const note = `${gib} GiB; KiB grown in store, producer, consumer: ${grown.join(', ')}`
      const { memoryUsage } = await own.status()
      reportLong({ test: 'resident memory', bytesLeft: memoryUsage, note })
      // A leak of three bytes in a hundred would show in the short form, of three in a thousand in the long one.
      for (const [process, before] of early.entries()) {
        expect(late[process], `process ${process}`).to.be.below(before + 24 * mib)
      }
      await stream.drop()
      // The store may hear of the drop before it hears that the others' connections have ended.
      await memoryReturns(own, 0)
      await own.close()
    } finally {
      const exited = once(server, 'exit')
      server.kill('SIGKILL')
      await exited
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

/** Resident memory of a process, in bytes, without what it shares. */
function ownMemory(pid: number): number {
  const match = /RssAnon:\s+([0-9]+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1]) * kib
}
