import { expect } from 'chai'
import {
  RecordBatchStream,
  release,
  type Client,
  type StreamReader,
  type StreamWriter
} from 'vineyard-streams'
import { FrameProxy } from '../support/frame-proxy.js'
import { numberedBatch } from '../support/numbered.js'
import { rejection } from '../support/rejection.js'
import { memoryReturns } from '../support/settling.js'
import { onEachServer } from '../support/subjects.js'

type Stream = RecordBatchStream

/** How an opening is ended, and what it rejects with. */
const endings: [how: string, end: (client: Client, controller: AbortController) => unknown, code: string][] =
  [
    ['aborted', (_client, controller) => controller.abort(), 'ABORT_ERR'],
    ['ended by closing the client', client => client.close(), 'ERR_VINEYARD_CLOSED']
  ]
/** When: with one of these frames. Those of the second kind pass only where the server does not look after marks itself. */
const moments = {
  everywhere: [/"open_stream_request"/, /"open_stream_reply"/],
  standard: [/"create_datas_request".*"vineyard::NodeStreamEnd/, /"create_datas_reply"/]
}
/** What a writer makes first: its notes. */
const writersMoments = [/"create_buffer_request"/, /"create_buffer_reply"/]

onEachServer('An opening that is ended in the middle', '16Mi', bench => {
  let proxy: FrameProxy
  let client: Client
  let observer: Client
  let stream: Stream
  let on: { frame: RegExp; run: () => void } | undefined
  const standard = bench.subject.name !== 'the embedded store'

  beforeEach(async () => {
    observer = await bench.subject.connect(bench.server)
    const see = (text: string | null): void => {
      if (on === undefined || !on.frame.test(text ?? '')) return
      const { run } = on
      on = undefined
      run()
    }
    proxy = new FrameProxy(bench.server.socket, {
      request: see,
      reply: text => {
        see(text)
        return text
      }
    })
    client = await bench.subject.connect({ socket: proxy.socket, close: () => Promise.resolve() })
    stream = await RecordBatchStream.create(observer)
  })
  afterEach(async () => {
    await client.close()
    proxy.close()
    await stream.drop()
    await memoryReturns(observer, 0)
    expect((await observer.list()).map(({ typename }) => typename)).to.deep.equal([])
    await observer.close()
  })

  /** Ends the opening when `frame` passes; answers what it rejected with. */
  async function endedAt(
    frame: RegExp,
    end: (typeof endings)[number][1],
    open: (own: Stream, signal: AbortSignal) => Promise<StreamReader | StreamWriter>
  ): Promise<string | undefined> {
    const own = await RecordBatchStream.open(client, stream.id)
    const controller = new AbortController()
    const ended = new Promise<unknown>(resolve => {
      on = { frame, run: () => resolve(end(client, controller)) }
    })
    const { code } = await rejection(open(own, controller.signal))
    await ended
    return code
  }

  for (const [how, end, code] of endings) {
    for (const frame of [...moments.everywhere, ...(standard ? moments.standard : [])]) {
      it(`tells the writer: a reader's, ${how} at ${frame.source}`, async () => {
        const writer = await stream.openWriter(observer, { window: { chunks: 1 } })
        await writer.append(numberedBatch(0, 4096))
        const waiting = rejection(writer.append(numberedBatch(1, 4096)))
        expect(await endedAt(frame, end, (own, signal) => own.openReader(client, { signal }))).to.equal(code)
        expect(await waiting).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
        await writer.close()
      })
    }

    for (const frame of [
      ...moments.everywhere,
      ...(standard ? [...moments.standard, ...writersMoments] : [])
    ]) {
      it(`tells the reader: a writer's, ${how} at ${frame.source}`, async () => {
        const reader = await stream.openReader()
        const waiting = rejection(reader.next())
        expect(await endedAt(frame, end, (own, signal) => own.openWriter(client, { signal }))).to.equal(code)
        expect(await waiting).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
        await reader.close()
      })
    }

    for (const frame of [/"register_request"/, /"register_reply"/]) {
      it(`leaves both ends to others before it has begun: ${how} at ${frame.source}`, async () => {
        for (const open of [
          (own: Stream, signal: AbortSignal) => own.openReader(client, { signal }),
          (own: Stream, signal: AbortSignal) => own.openWriter(client, { signal })
        ]) {
          if (how !== 'aborted')
            client = await bench.subject.connect({ socket: proxy.socket, close: () => Promise.resolve() })
          expect(await endedAt(frame, end, open)).to.equal(code)
        }
        const writer = await stream.openWriter()
        const reader = await stream.openReader()
        await writer.append(numberedBatch(0, 4096))
        expect(release((await reader.next()).value)).to.equal(true)
        await writer.finish()
        await reader.close()
      })
    }
  }

  it('leaves an end to whoever has it', async () => {
    const writer = await stream.openWriter()
    const reader = await stream.openReader()
    expect(
      await endedAt(/"open_stream_request"/, endings[0]![1], (own, signal) =>
        own.openReader(client, { signal })
      )
    ).to.equal('ABORT_ERR')
    await writer.append(numberedBatch(0, 4096))
    expect(release((await reader.next()).value)).to.equal(true)
    await writer.finish()
    expect((await reader.next()).done).to.equal(true)
    await reader.close()
  })
})
