import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReadableStream, TransformStream, WritableStream } from 'node:stream/web'
import type { RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import { rejection } from '../support/rejection.js'
import { Session, someBatches, someValues, taken } from './session.js'

describe('Web Streams', () => {
  const session = Session.forSuite()

  it('Readable.toWeb() and Writable.toWeb(), joined by pipeTo()', async () => {
    const { out, into } = await session.batches()
    const seen: unknown[] = []
    const source = ReadableStream.from(someBatches(20))
    const through = new TransformStream<RecordBatch, unknown>({
      transform: (batch, controller) => controller.enqueue(taken(batch))
    })
    await Promise.all([
      source.pipeTo(Writable.toWeb(out.createWriteStream())),
      Readable.toWeb(into.createReadStream() as unknown as Readable)
        .pipeThrough(through)
        .pipeTo(new WritableStream({ write: values => void seen.push(values) }))
    ])
    expect(seen).to.deep.equal(someValues(20))
  })

  it('one stream piped into another, the whole way on the Web side', async () => {
    const first = await session.batches()
    const second = await session.batches()
    const writing = pipeline(someBatches(10), first.out.createWriteStream())
    const piping = Readable.toWeb(first.into.createReadStream()).pipeTo(
      Writable.toWeb(second.out.createWriteStream())
    )
    const seen: unknown[] = []
    for await (const batch of second.into.createReadStream()) seen.push(taken(batch))
    await Promise.all([writing, piping])
    expect(seen).to.deep.equal(someValues(10))
  })

  it('an abort of pipeTo() fails the stream for its reader', async () => {
    const { out, into } = await session.batches()
    const controller = new AbortController()
    const endless = new ReadableStream<RecordBatch>({
      pull: sink => sink.enqueue([...someBatches(1)][0] as RecordBatch)
    })
    const piping = rejection(
      endless.pipeTo(Writable.toWeb(out.createWriteStream()), { signal: controller.signal })
    )
    const reader = await into.openReader()
    taken((await reader.next()).value as RecordBatch)
    controller.abort()
    // A WritableStream that is aborted lets a write that is under way end first, and that waits for the reader.
    const reading = rejection(
      (async () => {
        for await (const batch of reader) taken(batch)
      })()
    )
    expect(await piping).to.have.property('name', 'AbortError')
    const failure = await reading
    expect(failure).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
  })

  it('bytes through CompressionStream and back', async () => {
    const { out, into } = await session.bytes()
    const text = 'shared memory '.repeat(10_000)
    const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))
    const writing = compressed.pipeTo(Writable.toWeb(out.createWriteStream()) as WritableStream<Uint8Array>)
    const plain = Readable.toWeb(into.createReadStream() as unknown as Readable).pipeThrough(
      new DecompressionStream('gzip')
    )
    let back = ''
    for await (const part of plain.pipeThrough(new TextDecoderStream())) back += part
    await writing
    expect(back).to.equal(text)
  })
})
