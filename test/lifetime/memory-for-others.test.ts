import { expect } from 'chai'
import { ByteStream, connect, RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import { numberedBatch } from '../support/numbered.js'
import { rejection } from '../support/rejection.js'
import { eventually } from '../support/settling.js'

const kib = 1024
const mib = 1024 * kib

type Writer = Awaited<ReturnType<ByteStream['openWriter']>>

/** A stream whose chunks are read and given back as they come. */
async function readStream(client: Client): Promise<{
  writer: Writer
  read: (chunks: number) => Promise<void>
}> {
  const stream = await ByteStream.create(client)
  const writer = await stream.openWriter()
  const reader = await stream.openReader()
  let count = 0
  const reading = (async (): Promise<void> => {
    for await (const chunk of reader) {
      release(chunk)
      count += 1
    }
  })()
  reading.catch(() => {})
  return { writer, read: chunks => eventually(() => count >= chunks, `${chunks} chunks`) }
}

async function appendSmall(writer: Writer): Promise<void> {
  for (let i = 0; i < 60; i += 1) await writer.append(Buffer.alloc(20_000, i))
}

describe('Memory that others hold or wait for', () => {
  let store: Store
  let client: Client

  beforeEach(async () => {
    store = await Store.start({ size: '64Mi' })
    client = await connect(store.socket)
  })
  afterEach(async () => {
    await client.close()
    await store.close({ drain: 0 })
  })

  it('a writer gets what it has in advance itself', async () => {
    const { writer, read } = await readStream(client)
    for (let i = 0; i < 40; i += 1) await writer.append(Buffer.alloc(20_000, i))
    for (let i = 0; i < 20; i += 1) {
      const memory = await writer.allocate(500_000)
      await writer.append(memory)
    }
    await read(60)
    await writer.append(Buffer.alloc(63 * mib))
    await read(61)
  })

  it('many writers that have used up the store in advance all go on', async () => {
    const streams = await Promise.all(Array.from({ length: 64 }, () => readStream(client)))
    await Promise.all(streams.map(({ writer }) => appendSmall(writer)))
    await Promise.all(streams.map(({ read }) => read(60)))
    await Promise.all(streams.map(({ writer }) => writer.append(Buffer.alloc(8 * mib))))
    await Promise.all(streams.map(({ read }) => read(61)))
  })

  for (const [what, value] of [
    ['a put', Buffer.alloc(30 * mib)],
    ['a put of an object', new Float64Array((30 * mib) / 8)]
  ] as const) {
    it(`what idle writers have in advance is there for ${what}`, async () => {
      const streams = await Promise.all(Array.from({ length: 64 }, () => readStream(client)))
      await Promise.all(streams.map(({ writer }) => appendSmall(writer)))
      await Promise.all(streams.map(({ read }) => read(60)))
      const { memoryUsage } = await store.status()
      expect(memoryUsage).to.be.above(60 * mib)
      await client.put(value)
    })
  }

  it('what a writer has in advance, and its connection, go with its stream, though nobody closes it', async () => {
    const stream = await ByteStream.create(client)
    const writer = await stream.openWriter()
    const reader = await stream.openReader()
    const lent = await writer.allocate(100_000)
    for (let i = 0; i < 10; i += 1) await writer.append(Buffer.alloc(1000, i))
    expect((await store.status()).ipcConnections).to.equal(3)
    await reader.close()
    const left = async (): Promise<number[]> => {
      const { memoryUsage, ipcConnections } = await store.status()
      return [memoryUsage, ipcConnections]
    }
    await eventually(async () => String(await left()) === '0,1', 'nothing of the writer is left')
    expect(lent).to.have.length(0)
    for (const rejected of [writer.append(Buffer.alloc(1)), writer.allocate(10), writer.finish()])
      expect((await rejection(rejected)).code).to.equal('ERR_VINEYARD_STREAM_FAILED')
    await writer.close()
  })

  it('a writer that waits for memory does not hold up streams that need little', async function () {
    this.timeout(20_000)
    await client.put(Buffer.alloc(30 * mib))
    const big = await ByteStream.create(client)
    const waiting = await big.openWriter()
    const appended = waiting.append(Buffer.alloc(40 * mib)).catch(() => 'ended')
    await eventually(async () => (await store.status()).memoryRequests === 1, 'the wait')
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    const reader = await stream.openReader()
    // It was 20 chunks a second.
    const writing = (async (): Promise<void> => {
      for (let i = 0; i < 5000; i += 1) await writer.append(numberedBatch(i, 4 * kib))
      await writer.finish()
    })()
    let count = 0
    for await (const chunk of reader) {
      release(chunk)
      count += 1
    }
    await writing
    expect(count).to.equal(5000)
    expect((await store.status()).memoryRequests).to.equal(1)
    await waiting.close()
    expect(await appended).to.equal('ended')
  })
})
