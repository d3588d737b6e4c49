import { once } from 'node:events'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { Bool, Field, Float64, Int64, Schema, Table, Utf8, type RecordBatch } from 'apache-arrow'
import {
  DataFrameBatch,
  RecordBatchStream,
  release,
  tensor,
  VineyardError,
  type Client
} from 'vineyard-streams'
import { seedBatch, valuesOf } from '../support/batches.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { rejection } from '../support/rejection.js'
import { onEveryWay } from '../support/subjects.js'

function read(stream: RecordBatchStream, options: object = {}): AsyncIterable<RecordBatch> & Readable {
  return stream.createReadStream(options)
}

function source(chunks: number, rows: number): Readable {
  return Readable.from(
    (function* () {
      for (let index = 0; index < chunks; index += 1) yield seedBatch(index, rows)
    })(),
    { highWaterMark: 1 }
  )
}

onEveryWay('RecordBatchStream', '256Mi', bench => {
  /** A stream seen by two clients, as two processes would. */
  async function ends(): Promise<{ out: RecordBatchStream; into: RecordBatchStream; clients: Client[] }> {
    const producer = await bench.client()
    const consumer = await bench.client()
    const out = await RecordBatchStream.create(producer)
    const into = await consumer.get<RecordBatchStream>(out.id)
    return { out, into, clients: [producer, consumer] }
  }

  it('carries the seed page’s example: put, append the id, finish, read to the end', async () => {
    const { out, into, clients } = await ends()
    const [producer] = clients as [Client]
    const writer = await out.openWriter()
    const reader = await into.openReader()
    const produced: unknown[] = []
    for (let index = 0; index < 10; index += 1) {
      const batch = seedBatch(index, 2)
      await writer.append(await producer.put(batch, { as: 'dataframe' }))
      produced.push(valuesOf(batch))
    }
    await writer.finish()
    const consumed: unknown[] = []
    for (;;) {
      const { done, value } = await reader.next()
      if (done) break
      consumed.push(valuesOf(value))
    }
    expect(consumed).to.deep.equal(produced)
    expect(await reader.next()).to.deep.equal({ done: true, value: undefined })
  })

  it('carries data frames', async () => {
    const { out, into } = await ends()
    const writing = pipeline(source(3, 100), out.createWriteStream({ as: 'dataframe' }))
    const seen: unknown[] = []
    for await (const frame of read(into)) {
      expect(frame).to.be.instanceOf(DataFrameBatch)
      seen.push(valuesOf(frame))
    }
    await writing
    expect(seen).to.deep.equal([0, 1, 2].map(index => valuesOf(seedBatch(index, 100))))
  })

  it('carries tensors of more dimensions, one after the other', async () => {
    const { out, into, clients } = await ends()
    const [writer, reader] = [await out.openWriter(), await into.openReader()]
    for (let number = 0; number < 20; number += 1) {
      const cube = tensor(
        Float64Array.from({ length: 24 }, (_, index) => index / 2 + number),
        { shape: [2, 3, 4] }
      )
      await writer.append(await (clients[0] as Client).put(cube))
      // Nothing comes after it for now, which must not be waited for.
      const { value } = (await reader.next()) as IteratorResult<any>
      expect(value.dtype).to.equal('float64')
      expect(value.shape).to.deep.equal([2, 3, 4])
      expect([...value]).to.deep.equal([...cube])
    }
    await writer.finish()
    expect((await reader.next()).done).to.equal(true)
  })

  it('carries batches through pipeline() and for await', async () => {
    const { out, into } = await ends()
    const writing = pipeline(source(20, 1000), out.createWriteStream())
    const seen: unknown[] = []
    for await (const batch of read(into)) {
      seen.push(valuesOf(batch))
      release(batch)
    }
    await writing
    expect(seen).to.deep.equal(Array.from({ length: 20 }, (_, index) => valuesOf(seedBatch(index, 1000))))
  })

  it('keeps every chunk intact until it is released', async () => {
    const { out, into } = await ends()
    const writing = pipeline(source(60, 5000), out.createWriteStream())
    const kept: RecordBatch[] = []
    for await (const batch of read(into)) kept.push(batch)
    await writing
    expect(kept).to.have.length(60)
    kept.forEach((batch, index) => expect(valuesOf(batch)).to.deep.equal(valuesOf(seedBatch(index, 5000))))
    for (const batch of kept) release(batch)
  })

  it('has nothing left in memory after everything was read and released', async () => {
    const { out, into, clients } = await ends()
    const before = (await clients[0]!.status()).memoryUsage
    const writing = pipeline(source(10, 5000), out.createWriteStream())
    for await (const batch of read(into)) release(batch)
    await writing
    await out.drop()
    await freed(clients[0]!, before)
  })

  it('gives up the stream on an early break, and the writer learns, whatever it is doing then', async () => {
    for (let round = 0; round < 15; round += 1) {
      const { out, into, clients } = await ends()
      const before = (await clients[0]!.status()).memoryUsage
      const endless = Readable.from(
        (function* () {
          for (let index = 0; ; index += 1) yield seedBatch(index, 1000)
        })(),
        { highWaterMark: 1 }
      )
      const writing = rejection(pipeline(endless, out.createWriteStream()))
      for await (const batch of read(into)) {
        release(batch)
        break
      }
      const error = await writing
      expect(error).to.be.instanceOf(VineyardError)
      expect(error.code).to.equal('ERR_VINEYARD_STREAM_FAILED')
      await freed(clients[0]!, before)
    }
  })

  it('gives no chunk any more to a listener that has destroyed the stream', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    for (let number = 0; number < 10; number += 1) await writer.append(numberedBatch(number, 100_000))
    const readable = into.createReadStream()
    const seen: number[] = []
    readable.on('data', (batch: RecordBatch) => {
      seen.push(numberOf(batch))
      if (seen.length === 2) readable.destroy()
    })
    await once(readable, 'close')
    expect(seen).to.deep.equal([0, 1])
  })

  it('ends the reader with the queued chunks and then an error when the writer is destroyed', async () => {
    const { out, into } = await ends()
    const writable = out.createWriteStream()
    const written = new Promise(resolve => writable.write(seedBatch(1, 10), resolve))
    await written
    writable.destroy(new Error('the source broke'))
    await rejection(finished(writable))
    const seen: unknown[] = []
    const error = await rejection(
      (async () => {
        for await (const batch of read(into)) seen.push(valuesOf(batch))
      })()
    )
    expect(seen).to.deep.equal([valuesOf(seedBatch(1, 10))])
    expect(error.code).to.equal('ERR_VINEYARD_STREAM_FAILED')
  })

  it('passes fail() on to the reader', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    const reader = await into.openReader()
    await writer.append(seedBatch(3, 4))
    await writer.fail(new Error('no more data'))
    expect((await reader.next()).done).to.equal(false)
    expect((await rejection(reader.next())).code).to.equal('ERR_VINEYARD_STREAM_FAILED')
  })

  it('ends a waiting read at once when it is aborted', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    await writer.append(seedBatch(1, 2))
    const abort = new AbortController()
    const ended = rejection(
      (async () => {
        // After the only chunk the stream has nothing to give: the next read waits.
        for await (const _ of read(into, { signal: abort.signal })) abort.abort(new Error('enough'))
      })()
    )
    const error = await ended
    expect(error.name).to.equal('AbortError')
    expect(error.code).to.equal('ABORT_ERR')
    expect((error.cause as Error).message).to.equal('enough')
  })

  it('loses no chunk to calls of next() that are aborted, at whatever step', async () => {
    const { out, into } = await ends()
    const batches = Array.from({ length: 48 }, (_, number) => numberedBatch(number, 4096))
    const writer = await out.openWriter()
    for (let at = 0; at < batches.length; at += 8) await writer.append(new Table(batches.slice(at, at + 8)))
    await writer.finish()
    const reader = await into.openReader()
    const read: number[] = []
    for (let call = 0, ended = false; !ended; call += 1) {
      const abort = new AbortController()
      const next = reader.next({ signal: abort.signal })
      // Every other call is in the middle of waiting for the server.
      if (call % 2 === 0) for (let step = 0; step < (call / 2) % 16; step += 1) await Promise.resolve()
      else await new Promise(setImmediate)
      abort.abort()
      const [result] = await Promise.allSettled([next])
      if (result.status === 'rejected') expect(result.reason).to.have.property('code', 'ABORT_ERR')
      else if (result.value.done === true) ended = true
      else read.push(numberOf(result.value.value))
    }
    expect(read).to.deep.equal(batches.map((_, number) => number))
  })

  it('keeps the chunk of an aborted next() for the next call', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    const reader = await into.openReader()
    const abort = new AbortController()
    const waiting = rejection(reader.next({ signal: abort.signal }))
    abort.abort()
    expect((await waiting).name).to.equal('AbortError')
    await writer.append(seedBatch(5, 2))
    const { value } = await reader.next()
    expect(valuesOf(value!)).to.deep.equal(valuesOf(seedBatch(5, 2)))
  })

  it('holds the write callback while the window is full', async () => {
    const { out, into } = await ends()
    const writable = out.createWriteStream({ window: { chunks: 2 } })
    let accepted = 0
    for (let index = 0; index < 6; index += 1) writable.write(seedBatch(index, 10), () => (accepted += 1))
    writable.end()
    const reader = await into.openReader()
    await reader.next()
    await reader.next()
    // Two were consumed at most, two more may wait: the last one cannot have been accepted.
    expect(accepted).to.be.at.most(4)
    let count = 2
    while (!(await reader.next()).done) count += 1
    await finished(writable)
    expect(count).to.equal(6)
  })

  it('refuses a second reader and a second writer', async () => {
    const { out, into } = await ends()
    await out.openWriter()
    await into.openReader()
    expect((await rejection(out.openWriter())).code).to.equal('ERR_VINEYARD_STREAM_OPENED')
    expect((await rejection(into.openReader())).code).to.equal('ERR_VINEYARD_STREAM_OPENED')
  })

  it('fails for its reader when the source fails before the writer is open', async () => {
    const { out, into } = await ends()
    const failing = Readable.from(
      // eslint-disable-next-line require-yield
      (function* () {
        throw new Error('no source')
      })()
    )
    const writing = rejection(pipeline(failing, out.createWriteStream()))
    const reading = rejection(read(into).toArray())
    expect((await writing).message).to.equal('no source')
    expect((await reading).code).to.equal('ERR_VINEYARD_STREAM_FAILED')
  })

  it('takes batches that were filled in place', async () => {
    const { out, into } = await ends()
    const schema = new Schema([
      new Field('a', new Int64(), false),
      new Field('b', new Float64(), false),
      new Field('c', new Bool(), false)
    ])
    const writer = await out.openWriter()
    const reader = await into.openReader()
    for (let round = 0; round < 3; round += 1) {
      const rows = 1000
      const batch = await writer.allocateBatch(schema, rows)
      const [a, b, c] = batch.data.children.map(({ values }) => values) as [
        BigInt64Array,
        Float64Array,
        Uint8Array
      ]
      // The memory is as its last user left it.
      c.fill(0)
      for (let i = 0; i < rows; i += 1) {
        a[i] = BigInt(i + round)
        b[i] = i / 4
        c[i >> 3]! |= (i % 3 === 0 ? 1 : 0) << (i & 7)
      }
      await writer.append(batch)
      expect([a.length, b.length, c.length]).to.deep.equal([0, 0, 0])
      const { value } = await reader.next()
      const read = valuesOf(value!)
      expect(read['a']).to.deep.equal(Array.from({ length: rows }, (_, i) => BigInt(i + round)))
      expect(read['b']).to.deep.equal(Array.from({ length: rows }, (_, i) => i / 4))
      expect(read['c']).to.deep.equal(Array.from({ length: rows }, (_, i) => i % 3 === 0))
      release(value)
    }
    const text = new Schema([new Field('t', new Utf8())])
    expect((await rejection(writer.allocateBatch(text, 5))).code).to.equal('ERR_VINEYARD_TYPE')
    await writer.finish()
    expect((await reader.next()).done).to.equal(true)
  })

  it('refuses a chunk that can never fit at once', async () => {
    const { out } = await ends()
    const writer = await out.openWriter()
    const error = await rejection(writer.allocate(2 ** 40))
    expect(error.code).to.equal('ERR_VINEYARD_NO_MEMORY')
  })

  it('finds a stream by its name until it is dropped', async () => {
    const [producer, consumer] = [await bench.client(), await bench.client()]
    const waiting = RecordBatchStream.open(consumer, 'conformance/named', { wait: true })
    const stream = await RecordBatchStream.create(producer, {
      name: 'conformance/named',
      params: { rows: 3, text: 'ü' }
    })
    const found = await waiting
    expect(found.id).to.equal(stream.id)
    expect(found.params).to.deep.equal({ rows: 3, text: 'ü' })
    await stream.drop()
    expect(await producer.exists(stream.id)).to.equal(false)
    const error = await rejection(RecordBatchStream.open(consumer, 'conformance/named'))
    expect(error.code).to.equal('ERR_VINEYARD_NOT_FOUND')
  })

  it('says when released memory is looked at', async () => {
    const { out, into } = await ends()
    const writing = pipeline(source(1, 1000), out.createWriteStream())
    const [batch] = await read(into).toArray()
    await writing
    const column = batch.getChild('a')
    const slice = batch.slice(10, 20)
    // A copy is its owner's.
    expect(release(batch)).to.equal(bench.subject.remote !== true)
    if (bench.subject.remote) expect(column.get(0)).to.equal(slice.getChild('a').get(0) - 10n)
    expect(release(batch)).to.equal(false)
    if (bench.subject.remote) return
    for (const look of [
      () => column.get(0),
      () => slice.getChild('a').get(0),
      () => batch.getChild('c').get(5)
    ]) {
      let value: unknown
      try {
        value = look()
      } catch (error) {
        expect((error as VineyardError).code).to.equal('ERR_VINEYARD_RELEASED')
        continue
      }
      expect(value).to.be.oneOf([null, undefined])
    }
  })
})

/** Waits until the server's memory is back at `bytes`: leases go back one turn of the event loop later. */
async function freed(client: Client, bytes: number): Promise<void> {
  for (;;) {
    const { memoryUsage } = await client.status()
    if (memoryUsage <= bytes) return
  }
}
