import { once } from 'node:events'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import { RecordBatchStream, release, VineyardError } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { rejection } from '../support/rejection.js'
import { memoryReturns } from '../support/settling.js'
import { plainColumns } from './plain.js'
import { Python, withPython } from './session.js'

async function readAll(readable: Readable): Promise<{ chunks: unknown[]; error: unknown }> {
  const chunks: unknown[] = []
  try {
    for await (const chunk of readable) chunks.push(plainColumns(chunk))
  } catch (error) {
    return { chunks, error }
  }
  return { chunks, error: undefined }
}

function columnsOf(seeds: readonly number[]): unknown[] {
  return seeds.map(seed => plainColumns(seedBatch(seed, 3)))
}

withPython('Ends of streams shared with Python', '64Mi', (bench, python) => {
  async function stream(): Promise<RecordBatchStream> {
    return RecordBatchStream.create(await bench.client())
  }

  /** Another Python, which `work` kills, and whatever comes of that it is gone afterwards. */
  async function withOther(work: (other: Python) => Promise<void>): Promise<void> {
    const other = new Python(bench)
    try {
      await work(other)
    } finally {
      await other.session.kill()
    }
  }

  it('gives Node the chunks and then an error when Python fails the stream', async () => {
    const shared = await stream()
    await python.call('streams.produce', { stream: shared.id, first: 0, count: 3, rows: 3 })
    await python.call('streams.fail', { stream: shared.id })
    const { chunks, error } = await readAll(shared.createReadStream())
    expect(chunks).to.deep.equal(columnsOf([0, 1, 2]))
    expect(error).to.be.instanceOf(VineyardError)
    expect((error as VineyardError).code).to.equal('ERR_VINEYARD_STREAM_FAILED')
  })

  it('wakes a Node reader that waits when Python fails the stream', async () => {
    const shared = await stream()
    const reader = await shared.openReader()
    const waiting = rejection(reader.next())
    await python.call('streams.fail', { stream: shared.id })
    expect((await waiting).code).to.equal('ERR_VINEYARD_STREAM_FAILED')
  })

  it('gives Python the chunks and then StreamFailedException when Node fails the stream', async () => {
    const shared = await stream()
    const writer = await shared.openWriter()
    await writer.append(seedBatch(0, 3))
    await writer.append(seedBatch(1, 3))
    await writer.fail(new Error('no more data'))
    const { chunks, end } = await python.call('streams.read', { stream: shared.id })
    expect(chunks.map((chunk: any) => chunk.columns)).to.deep.equal(columnsOf([0, 1]))
    expect(end).to.equal('StreamFailedException')
  })

  it('gives Python StreamFailedException when a Node pipeline breaks', async () => {
    const shared = await stream()
    const source = Readable.from(
      (function* () {
        yield seedBatch(0, 3)
        throw new Error('the source broke')
      })()
    )
    const [{ end }, error] = await Promise.all([
      python.call('streams.read', { stream: shared.id }),
      rejection(pipeline(source, shared.createWriteStream()))
    ])
    expect(end).to.equal('StreamFailedException')
    expect(error.message).to.equal('the source broke')
  })

  it('gives Python StopIteration when Node finishes, also without a chunk', async () => {
    for (const seeds of [[], [4, 5]]) {
      const shared = await stream()
      const writer = await shared.openWriter()
      for (const seed of seeds) await writer.append(seedBatch(seed, 3))
      await writer.finish()
      const { chunks, end } = await python.call('streams.read', { stream: shared.id })
      expect(chunks.map((chunk: any) => chunk.columns)).to.deep.equal(columnsOf(seeds))
      expect(end).to.equal('StopIteration')
    }
  })

  it('ends the Node reader when Python finishes, also without a chunk', async () => {
    for (const count of [0, 2]) {
      const shared = await stream()
      await python.call('streams.produce', { stream: shared.id, first: 7, count, rows: 3 })
      await python.call('streams.finish', { stream: shared.id })
      const { chunks, error } = await readAll(shared.createReadStream())
      expect(error).to.equal(undefined)
      expect(chunks).to.deep.equal(columnsOf([7, 8].slice(0, count)))
    }
  })

  it('wakes a Node reader that waits when Python finishes', async () => {
    const shared = await stream()
    const reader = await shared.openReader()
    const waiting = reader.next()
    await python.call('streams.produce', { stream: shared.id, first: 1, count: 0, rows: 3 })
    await python.call('streams.finish', { stream: shared.id })
    expect(await waiting).to.deep.equal({ done: true, value: undefined })
  })

  it('is found by its name in Python', async () => {
    const shared = await RecordBatchStream.create(await bench.client(), {
      name: 'interop/from node',
      params: { rows: 3, text: 'ü' }
    })
    expect(await python.call('streams.by_name', { name: 'interop/from node' })).to.deep.equal({
      id: shared.id,
      type: 'RecordBatchStream',
      params: { rows: 3, text: 'ü' }
    })
    const [{ chunks }] = await Promise.all([
      python.call('streams.read', { stream: shared.id }),
      pipeline(Readable.from([seedBatch(9, 3)]), shared.createWriteStream())
    ])
    expect(chunks.map((chunk: any) => chunk.columns)).to.deep.equal(columnsOf([9]))
  })

  it('is found by its name in Node', async () => {
    const client = await bench.client()
    const waiting = RecordBatchStream.open(client, 'interop/from python', { wait: true })
    const id: string = await python.call('streams.new', {
      kind: 'RecordBatchStream',
      params: { rows: 3, text: 'ü' },
      name: 'interop/from python'
    })
    const found = await waiting
    expect(found.id).to.equal(id)
    expect(found.params).to.deep.equal({ rows: 3, text: 'ü' })
    await python.call('streams.produce', { stream: id, first: 2, count: 1, rows: 3 })
    await python.call('streams.finish', { stream: id })
    const chunks: RecordBatch[] = await found.createReadStream().toArray()
    expect(chunks.map(plainColumns)).to.deep.equal(columnsOf([2]))
  })

  it('refuses Python the ends that Node has taken', async () => {
    const shared = await stream()
    await shared.openReader()
    await shared.openWriter()
    const reading = await rejection(python.call('streams.open_reader', { stream: shared.id }))
    const writing = await rejection(
      python.call('streams.produce', { stream: shared.id, first: 0, count: 0, rows: 1 })
    )
    for (const error of [reading, writing]) expect(error).to.include({ type: 'StreamOpenedException' })
  })

  it('refuses Node the ends that Python has taken', async () => {
    const shared = await stream()
    await python.call('streams.open_reader', { stream: shared.id })
    await python.call('streams.produce', { stream: shared.id, first: 0, count: 0, rows: 1 })
    expect((await rejection(shared.openReader())).code).to.equal('ERR_VINEYARD_STREAM_OPENED')
    expect((await rejection(shared.openWriter())).code).to.equal('ERR_VINEYARD_STREAM_OPENED')
    // A store that is being closed waits for readers that have not seen the end.
    await python.call('streams.finish', { stream: shared.id })
    expect((await python.call('streams.read', { stream: shared.id })).end).to.equal('StopIteration')
  })

  it('fails the Node writer when the Python reader is killed', async () => {
    const shared = await stream()
    await withOther(async other => {
      await other.call('streams.open_reader', { stream: shared.id })
      const writable = shared.createWriteStream({ window: { chunks: 2 } })
      const ended = rejection(finished(writable))
      writable.write(seedBatch(0, 3))
      await other.call('streams.read', { stream: shared.id, limit: 1 })
      await other.session.kill()
      for (let seed = 1; !writable.destroyed; seed += 1) {
        if (!writable.write(seedBatch(seed, 3))) await Promise.race([once(writable, 'drain'), ended])
      }
      expect((await ended).code).to.equal('ERR_VINEYARD_STREAM_FAILED')
    })
  })

  // A vineyardd does not notice: for that its readers and writers have idleTimeout.
  if (!bench.subject.store) {
    it('ends the Node writer by its idleTimeout when the Python reader is killed before it takes anything, and leaves nothing', async () => {
      const client = await bench.client()
      const { memoryUsage } = await client.status()
      const shared = await stream()
      await withOther(async other => {
        await other.call('streams.open_reader', { stream: shared.id })
        const writable = shared.createWriteStream({ window: { chunks: 2 }, idleTimeout: 1000 })
        const ended = rejection(finished(writable))
        await other.session.kill()
        for (let seed = 0; seed < 3; seed += 1) writable.write(seedBatch(seed, 3))
        expect((await ended).code).to.equal('ERR_VINEYARD_TIMEOUT')
        await shared.drop()
        await memoryReturns(client, memoryUsage)
      })
    })

    it('ends the Node reader by its idleTimeout when the Python writer is killed, and leaves nothing', async () => {
      const client = await bench.client()
      const { memoryUsage } = await client.status()
      const shared = await stream()
      await withOther(async other => {
        await other.call('streams.produce', { stream: shared.id, first: 0, count: 2, rows: 3 })
        const chunks = shared.createReadStream({ idleTimeout: 1000 }).iterator()
        for (const columns of columnsOf([0, 1])) {
          const { value } = await chunks.next()
          expect(plainColumns(value)).to.deep.equal(columns)
          release(value)
        }
        const ended = rejection(chunks.next())
        await other.session.kill()
        expect((await ended).code).to.equal('ERR_VINEYARD_TIMEOUT')
        await shared.drop()
        await memoryReturns(client, memoryUsage)
      })
    })
    return
  }

  it('fails the Node reader when the Python writer is killed', async () => {
    const shared = await stream()
    await withOther(async other => {
      await other.call('streams.produce', { stream: shared.id, first: 0, count: 2, rows: 3 })
      const reading = readAll(shared.createReadStream())
      await other.session.kill()
      const { chunks, error } = await reading
      expect(chunks).to.deep.equal(columnsOf([0, 1]))
      expect((error as VineyardError).code).to.equal('ERR_VINEYARD_STREAM_FAILED')
    })
  })
})
