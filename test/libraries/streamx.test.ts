import { getEventListeners, once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import type { RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import { Readable, Transform, Writable, pipelinePromise } from 'streamx'
import { RecordBatchStream, StreamCollection } from 'vineyard-streams'
import { createReadStream, createWriteStream } from 'vineyard-streams/streamx'
import { rejection } from '../support/rejection.js'
import { Session, someBatches, someValues, taken } from './session.js'

/** When a stream has closed; its error, if it has one, is expected. */
async function closed(stream: Readable | Writable): Promise<void> {
  stream.on('error', () => {})
  await new Promise<void>(resolve => stream.on('close', () => resolve()))
}

describe('streamx', () => {
  const session = Session.forSuite()

  it('are real streamx streams and carry batches both ways', async () => {
    const { out, into } = await session.batches()
    const writable = createWriteStream(out)
    const readable = createReadStream(into)
    expect(writable).to.be.instanceOf(Writable)
    expect(readable).to.be.instanceOf(Readable)
    const writing = pipelinePromise(Readable.from([...someBatches(30)]), writable)
    const seen: unknown[] = []
    for await (const batch of readable) seen.push(taken(batch))
    await writing
    expect(seen).to.deep.equal(someValues(30))
  })

  it('work in streamx pipelines with transforms and beside core streams', async () => {
    const { out, into } = await session.batches()
    const seen: unknown[] = []
    const toValues = new Transform({
      transform(batch, done) {
        done(null, taken(batch as RecordBatch))
      }
    })
    const collect = new Writable({
      write(values, done) {
        seen.push(values)
        done(null)
      }
    })
    await Promise.all([
      pipeline(someBatches(10), out.createWriteStream()),
      pipelinePromise(createReadStream(into), toValues, collect)
    ])
    expect(seen).to.deep.equal(someValues(10))
  })

  it('hold the producer back while the window is full', async () => {
    const { out, into } = await session.batches()
    const writable = createWriteStream(out, { window: { chunks: 2 } })
    const batches = [...someBatches(6)]
    let written = 0
    const writing = (async () => {
      for (const batch of batches) {
        if (!writable.write(batch)) await once(writable, 'drain')
        written += 1
      }
      writable.end(null)
      await once(writable, 'close')
    })()
    const reader = await into.openReader()
    taken((await reader.next()).value as RecordBatch)
    expect(written).to.be.below(batches.length)
    for await (const batch of reader) taken(batch)
    await writing
    expect(written).to.equal(batches.length)
  })

  it('show a failure after what came before it', async () => {
    const { out, into } = await session.batches()
    const writer = await out.openWriter()
    for (const batch of someBatches(2)) await writer.append(batch)
    await writer.fail(new Error('on purpose'))
    const readable = createReadStream(into, { highWaterMark: 8 })
    await once(readable, 'readable')
    // A round trip later the failure has come, and both batches wait to be read.
    await session.consumer.status()
    const seen: unknown[] = []
    const failure = await rejection(
      (async () => {
        for await (const batch of readable) seen.push(taken(batch))
      })()
    )
    expect(failure).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
    expect(seen).to.deep.equal(someValues(2))
  })

  it('tell the other end when they are destroyed, waiting or not', async () => {
    const first = await session.batches()
    const readable = createReadStream(first.into)
    const writing = rejection(pipeline(someBatches(1000), first.out.createWriteStream()))
    taken((await readable[Symbol.asyncIterator]().next()).value as RecordBatch)
    readable.destroy()
    await once(readable, 'close')
    expect(await writing).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')

    const second = await session.batches()
    const writable = createWriteStream(second.out)
    const waiting = createReadStream(second.into)
    const failure = once(waiting, 'error')
    waiting.resume()
    await once(waiting, 'open')
    writable.write([...someBatches(1)][0])
    taken(((await once(waiting, 'data')) as [RecordBatch])[0])
    writable.destroy()
    expect(((await failure) as [{ code: string }])[0].code).to.equal('ERR_VINEYARD_STREAM_FAILED')

    const third = await session.batches()
    const alone = createReadStream(third.into)
    alone.resume()
    await once(alone, 'open')
    alone.destroy()
    await once(alone, 'close')
  })

  it('tell the other end when they are destroyed before they have opened', async () => {
    for (const signal of [undefined, AbortSignal.abort()]) {
      const first = await session.batches()
      const writer = await first.out.openWriter(undefined, { window: { chunks: 1 } })
      for (const batch of someBatches(1)) await writer.append(batch)
      const append = rejection(writer.append([...someBatches(1)][0] as RecordBatch))
      const readable = createReadStream(first.into, { signal })
      const readableClosed = closed(readable)
      if (signal === undefined) readable.destroy()
      expect(await append).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
      await readableClosed
      await writer.close()

      const second = await session.batches()
      const next = rejection((await second.into.openReader()).next())
      const writable = createWriteStream(second.out, { signal })
      const writableClosed = closed(writable)
      if (signal === undefined) writable.destroy()
      expect(await next).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
      await writableClosed
    }
  })

  it('leave a resumable stream to the next reader, opened or not, and read nothing ahead of it', async () => {
    const out = await RecordBatchStream.create(session.producer, { resumable: true })
    const into = await session.consumer.get<RecordBatchStream>(out.id)
    await pipeline(someBatches(3), out.createWriteStream())
    const unopened = createReadStream(into)
    unopened.destroy()
    await once(unopened, 'close')
    const left = createReadStream(into)
    taken((await left[Symbol.asyncIterator]().next()).value as RecordBatch)
    left.destroy()
    await once(left, 'close')
    const seen: unknown[] = []
    for await (const batch of createReadStream(into)) seen.push(taken(batch))
    // The first has not been taken: nobody had asked for the second.
    expect(seen).to.deep.equal(someValues(3))
  })

  it('refuse what is no stream at the call', async () => {
    const group = await StreamCollection.create(session.producer, [
      await RecordBatchStream.create(session.producer)
    ])
    const makes: ((stream: never) => unknown)[] = [createReadStream, createWriteStream]
    for (const stream of [group, undefined, {}])
      for (const make of makes)
        expect(() => make(stream as never))
          .to.throw(TypeError)
          .with.property('code', 'ERR_INVALID_ARG_TYPE')
  })

  it('take signals: aborted before, aborted later, and nothing stays on them', async () => {
    for (const aborted of [true, false]) {
      const { into } = await session.batches()
      const controller = new AbortController()
      if (aborted) controller.abort(new Error('the reason'))
      const readable = createReadStream(into, { signal: controller.signal })
      const failure = once(readable, 'error') as Promise<[Error & { code: string }]>
      readable.resume()
      if (!aborted) {
        await once(readable, 'open')
        controller.abort(new Error('the reason'))
      }
      const [error] = await failure
      expect(error.code).to.equal('ABORT_ERR')
      expect(error.cause).to.have.property('message', 'the reason')
    }
    const { out, into } = await session.batches()
    const { signal } = new AbortController()
    const writable = createWriteStream(out, { signal })
    const readable = createReadStream(into, { signal })
    expect(getEventListeners(signal, 'abort')).to.have.lengthOf(2)
    const writing = pipelinePromise(Readable.from([...someBatches(3)]), writable)
    for await (const batch of readable) taken(batch)
    await writing
    expect(getEventListeners(signal, 'abort')).to.have.lengthOf(0)
  })

  it('give back what was read ahead and never taken', async () => {
    const { out, into } = await session.batches()
    const writing = pipeline(someBatches(4), out.createWriteStream())
    const readable = createReadStream(into, { highWaterMark: 4 })
    await once(readable, 'readable')
    await writing
    readable.destroy()
    await once(readable, 'close')
    expect(session.consumer.stats().leasedBytes).to.equal(0)
  })
})
