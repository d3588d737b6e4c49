import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import { connect, RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import { onBothServers } from '../support/both-servers.js'
import { long, longDeadline, longTag, reportLong } from '../support/long-report.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { ownResources } from '../support/own-resources.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { rejection } from '../support/rejection.js'
import { Vineyardd } from '../support/vineyardd.js'

/** How many processes are killed, and how many live at the same time. */
const kills = long ? 500 : 8
const together = 4
/** What has not ended by then hangs. On a vineyardd a death is noticed within 3 s on a machine that is not busy. */
const watchdogMs = 30_000
const kib = 1024
const sizes = [kib, 16 * kib, 64 * kib, 256 * kib]

const failed = 'ERR_VINEYARD_STREAM_FAILED'

function oneOf<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)] as T
}

onBothServers('Processes that are killed at random moments', '64Mi', bench => {
  let client: Client
  let tally: {
    kills: number
    hangs: number
    corrupt: number
    slowestMs: number
    codes: Record<string, number>
  }

  beforeEach(async () => {
    client = await connect(bench.server.socket)
    tally = { kills: 0, hangs: 0, corrupt: 0, slowestMs: 0, codes: {} }
  })
  afterEach(endProcesses)
  afterEach(() => client.close())

  function start(program: 'producer' | 'consumer', stream: RecordBatchStream, job: object): TestProcess {
    return new TestProcess(program, { socket: bench.server.socket, stream: stream.id, ...job })
  }

  /** What ends `survivor`, in the tally; `victim` is killed after `moment`. */
  async function outlive(
    victim: TestProcess,
    moment: Promise<unknown>,
    survivor: Promise<string>
  ): Promise<void> {
    await moment
    await delay(Math.random() * 20)
    await victim.kill()
    const killed = performance.now()
    const watchdog = new AbortController()
    const ended = await Promise.race([
      survivor,
      delay(watchdogMs, 'hangs', { signal: watchdog.signal, ref: true }).catch(() => '')
    ])
    watchdog.abort()
    tally.kills += 1
    if (ended === 'hangs') tally.hangs += 1
    else tally.slowestMs = Math.max(tally.slowestMs, performance.now() - killed)
    tally.codes[ended] = (tally.codes[ended] ?? 0) + 1
  }

  /** Waits until it has told of a random number of chunks, perhaps of none. */
  async function after(victim: TestProcess, key: string): Promise<void> {
    const upTo = Math.random() < 0.2 ? -1 : Math.random() * 100
    await victim.next()
    for (let count = 0; count < upTo; count = (await victim.next<Record<string, number>>())[key]!) continue
  }

  async function read(stream: RecordBatchStream): Promise<string> {
    let count = 0
    try {
      for await (const batch of stream.createReadStream() as AsyncIterable<RecordBatch>) {
        if (numberOf(batch) !== count) tally.corrupt += 1
        count += 1
        release(batch)
      }
      return 'ended'
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  async function write(stream: RecordBatchStream, bytes: number): Promise<string> {
    const endless = Readable.from(
      (function* () {
        for (let number = 0; ; number += 1) yield numberedBatch(number, bytes)
      })(),
      { highWaterMark: 1 }
    )
    return (await rejection(pipeline(endless, stream.createWriteStream()))).code ?? 'unknown'
  }

  const victims: Record<string, (stream: RecordBatchStream) => Promise<void>> = {
    async producers(stream) {
      const producer = start('producer', stream, { chunks: Infinity, bytes: oneOf(sizes), tells: true })
      await outlive(producer, after(producer, 'accepted'), read(stream))
    },
    async consumers(stream) {
      const chunks = oneOf(['keep', 'release'])
      const consumer = start('consumer', stream, { chunks, tells: true })
      await outlive(consumer, after(consumer, 'read'), write(stream, oneOf(sizes)))
    }
  }

  function descriptors(): number {
    const { server } = bench
    const pid = server instanceof Vineyardd ? server.process.pid : undefined
    return ownResources().descriptors + (pid === undefined ? 0 : readdirSync(`/proc/${pid}/fd`).length)
  }

  /** What is left of the difference to `before` when it has stopped shrinking. */
  async function left(now: () => Promise<number> | number, before: number): Promise<number> {
    let difference = Infinity
    for (let patience = 0; patience < 30; patience += 1) {
      const next = (await now()) - before
      if (next <= 0) return next
      if (next < difference) patience = 0
      difference = next
      await delay(100)
    }
    return difference
  }

  for (const [who, kill] of Object.entries(victims)) {
    it(`${who}: the others get an error, and nothing is left ${longTag}`, async function () {
      this.timeout(kills * 60_000)
      const deadline = longDeadline()
      const memory = (await client.status()).memoryUsage
      // The first of each kind brings what is kept for later.
      await kill(await RecordBatchStream.create(client))
      const opened = descriptors()
      while (tally.kills < kills && Date.now() < deadline) {
        const round = Array.from({ length: together }, async () => {
          const stream = await RecordBatchStream.create(client)
          await kill(stream)
          await stream.drop()
        })
        await Promise.all(round)
      }
      // The next client cleans up.
      const next = await connect(bench.server.socket)
      const bytesLeft = await left(async () => (await client.status()).memoryUsage, memory)
      await next.close()
      const descriptorsLeft = await left(descriptors, opened)
      const { codes, slowestMs, ...counts } = tally
      const note = `${JSON.stringify(codes)}`
      const test = `${who} killed, ${bench.subject.name}`
      const row = { ...counts, bytesLeft, descriptorsLeft, slowestMs: Math.round(slowestMs) }
      reportLong({ test, ...row, note })
      expect(Object.keys(codes)).to.deep.equal([failed])
      expect(row).to.include({ hangs: 0, corrupt: 0, descriptorsLeft: 0 })
      // Nobody can list a blob that is not sealed: what a producer on a vineyardd had not named yet is lost.
      const lost = bench.server instanceof Store || who === 'consumers' ? 0 : tally.kills * Math.max(...sizes)
      expect(bytesLeft).to.be.at.most(lost)
    })
  }
})
