import { once } from 'node:events'
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { Table, type RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import {
  ByteStream,
  DataframeStream,
  receive,
  RecordBatchStream,
  release,
  share,
  type Client,
  type SharedChunk
} from 'vineyard-streams'
import { onBothServers } from '../support/both-servers.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { eventually } from '../support/settling.js'

const bytes = 2 ** 20

/** What another thread gets. */
function passed(shared: SharedChunk): SharedChunk {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(shared, [shared.port])
  const { message } = receiveMessageOnPort(port2) as { message: SharedChunk }
  port1.close()
  return message
}

onBothServers('Chunks shared with workers', '64Mi', bench => {
  const workers: Worker[] = []
  let client: Client
  beforeEach(async () => {
    client = await bench.client()
  })
  afterEach(() => Promise.all(workers.splice(0).map(worker => worker.terminate())))

  function startWorker(): Worker {
    const worker = new Worker(new URL('./processes/receiving-worker.js', import.meta.url))
    workers.push(worker)
    return worker
  }

  async function tell(
    worker: Worker,
    message: unknown,
    transfer: SharedChunk['port'][] = []
  ): Promise<unknown> {
    worker.postMessage(message, transfer)
    return ((await once(worker, 'message')) as [unknown])[0]
  }

  const send = (worker: Worker, chunk: object): Promise<unknown> => {
    const shared = share(chunk)
    return tell(worker, shared, [shared.port])
  }

  async function batches(count: number, options: object = {}): Promise<RecordBatch[]> {
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    for (let number = 0; number < count; number += 1) await writer.append(numberedBatch(number, bytes))
    await writer.finish()
    const read: RecordBatch[] = []
    for await (const batch of await stream.openReader(undefined, options)) read.push(batch)
    return read
  }

  const leased = (): number => client.stats().leasedBytes

  it('are read there without a copy, and kept until both threads have released them', async () => {
    const before = leased()
    const worker = startWorker()
    const chunks = await batches(3)
    for (const [number, chunk] of chunks.entries()) {
      const shared = share(chunk)
      expect(shared).to.have.property('memory')
      share(chunk).port.close() // one that is not sent after all
      expect(await tell(worker, shared, [shared.port])).to.equal(number)
      release(chunk)
    }
    expect(leased() - before).to.be.at.least(3 * bytes)
    // Whoever writes now must not get their memory.
    for (const other of await batches(8)) release(other)
    expect(await tell(worker, 'again')).to.deep.equal([0, 1, 2])
    expect(await tell(worker, 'release')).to.deep.equal([true, true, true])
    await eventually(() => leased() === before, 'the leases of the worker')
  })

  it('come back when a worker ends that holds them, or never got them', async () => {
    const before = leased()
    for (const how of ['holds', 'queued'] as const) {
      const worker = startWorker()
      const online = once(worker, 'online')
      const [chunk] = (await batches(1)) as [RecordBatch]
      if (how === 'holds') {
        expect(await send(worker, chunk)).to.equal(0)
      } else {
        await online
        worker.postMessage('spin')
        const shared = share(chunk)
        worker.postMessage(shared, [shared.port])
      }
      release(chunk)
      expect(leased()).to.be.above(before)
      await worker.terminate()
      await eventually(() => leased() === before, `the lease of a worker that ${how}`)
    }
  })

  it('stay intact when the client is closed and the worker hands them on', async () => {
    const [first, second] = [startWorker(), startWorker()]
    const [chunk] = (await batches(1)) as [RecordBatch]
    await send(first, chunk)
    const received = receive<RecordBatch>(share(chunk))
    release(chunk)
    await client.close()
    expect(numberOf(received)).to.equal(0)
    expect(await send(second, received)).to.equal(0)
    release(received)
    expect(await tell(first, 'again')).to.deep.equal([0])
    expect(await tell(second, 'release')).to.deep.equal([true])
    expect(await tell(first, 'release')).to.deep.equal([true])
  })

  it('may be batches of a Table, of a DataframeStream, Buffers, and copies', async () => {
    const worker = startWorker()
    const sent = [numberedBatch(7, 4096), numberedBatch(8, 4096)]
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    await writer.append(new Table(sent))
    await writer.finish()
    const seen: unknown[] = []
    for await (const batch of await stream.openReader()) {
      seen.push(await send(worker, batch))
      release(batch)
    }

    const frames = await DataframeStream.create(client)
    const frameWriter = await frames.openWriter()
    for (const batch of sent) await frameWriter.append(batch)
    await frameWriter.finish()
    for await (const batch of await frames.openReader()) seen.push(await send(worker, batch))

    const text = await ByteStream.create(client)
    const textWriter = await text.openWriter()
    await textWriter.append(Buffer.from('some bytes'))
    await textWriter.finish()
    for await (const buffer of await text.openReader()) {
      const shared = share(buffer)
      release(buffer)
      seen.push(await tell(worker, shared, [shared.port]))
    }

    const [copied] = (await batches(1, { copy: true })) as [RecordBatch]
    seen.push(await send(worker, copied))
    expect(seen).to.deep.equal([7, 8, 7, 8, 'some bytes', 0])
  })

  it('may be parts of an object, each of which is that part there', async () => {
    const sent = [numberedBatch(3, bytes), numberedBatch(4, bytes)]
    const before = leased()
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    await writer.append(new Table(sent.slice(0, 1)))
    await writer.append(await client.put(['text', new Float64Array(bytes / 8).fill(5), sent[1]]))
    await writer.finish()
    const reader = await stream.openReader()
    const batch = (await reader.next()).value as RecordBatch
    const [, numbers, inList] = (await reader.next()).value as unknown as [string, Float64Array, RecordBatch]
    const table = await client.get<Table>(await client.put(new Table(sent)), { zeroCopy: true })
    const chunks = [batch, numbers, inList, ...table.batches]
    const shared = chunks.map(chunk => share(chunk))
    expect(shared.map(one => 'memory' in one)).to.deep.equal([true, true, true, true, true])
    const received = shared.map(one => receive<RecordBatch | Float64Array>(passed(one)))
    for (const chunk of [...chunks, 'text']) release(chunk)
    const values = received.map(chunk => (chunk instanceof Float64Array ? chunk.at(-1) : numberOf(chunk)))
    expect(values).to.deep.equal([3, 5, 4, 3, 4])
    expect(received.map(chunk => release(chunk))).to.deep.equal([true, true, true, true, true])
    await eventually(() => leased() === before, 'the leases of the parts')
    await reader.close()
  })

  it('may be values without memory, and wholes of several parts, which are copied', async () => {
    const table = new Table([numberedBatch(1, 64), numberedBatch(2, 64)])
    for (const value of ['text', 5, 2n ** 60n, true, null]) {
      const stream = await RecordBatchStream.create<any>(client)
      const writer = await stream.openWriter()
      await writer.append(await client.put(value).then(id => id as never))
      await writer.finish()
      for await (const chunk of await stream.openReader())
        expect(receive<unknown>(passed(share(chunk)))).to.equal(value)
    }
    const got = await client.get<Table>(await client.put(table))
    const received = receive<Table>(passed(share(got)))
    release(got)
    expect(received.batches.map(numberOf)).to.deep.equal([1, 2])
    expect(() => share(client))
      .to.throw()
      .with.property('code', 'ERR_VINEYARD_TYPE')
  })

  it('come back when they were sent to a worker that had ended, or forgotten', async function () {
    if (globalThis.gc === undefined) this.skip()
    const before = leased()
    const worker = startWorker()
    await worker.terminate()
    const send = async (): Promise<void> => {
      for (const chunk of await batches(2)) {
        const shared = share(chunk)
        worker.postMessage(shared, [shared.port])
        share(chunk)
        release(chunk)
      }
    }
    await send()
    expect(leased()).to.be.above(before)
    await eventually(() => {
      globalThis.gc?.()
      return leased() === before
    }, 'the leases of what nobody got')
  })

  it('stay intact in the thread that shared them while what was received is held', async () => {
    const [chunk] = (await batches(1)) as [RecordBatch]
    const before = leased()
    const received = ((): RecordBatch => receive(share(chunk)))()
    release(chunk)
    for (let turn = 0; turn < 5; turn += 1) {
      globalThis.gc?.()
      await client.status()
    }
    expect(leased()).to.equal(before)
    expect(numberOf(received)).to.equal(0)
    expect(release(received)).to.equal(true)
  })

  it('are received once, be they copies or not', async () => {
    const [chunk] = (await batches(1)) as [RecordBatch]
    const [copied] = (await batches(1, { copy: true })) as [RecordBatch]
    for (const one of [chunk, copied]) {
      const shared = share(one)
      const received = receive<RecordBatch>(shared)
      expect(() => receive(shared))
        .to.throw()
        .with.property('code', 'ERR_VINEYARD_RELEASED')
      expect(numberOf(received)).to.equal(0)
      release(received)
    }
    expect(numberOf(chunk)).to.equal(0)
    release(chunk)
  })

  it('refuses what has been released, and what was not shared', async () => {
    const [chunk] = (await batches(1)) as [RecordBatch]
    release(chunk)
    expect(() => share(chunk))
      .to.throw()
      .with.property('code', 'ERR_VINEYARD_RELEASED')
    expect(() => share(undefined)).to.throw(TypeError)
    expect(() => receive({} as never)).to.throw(TypeError)
  })
})
