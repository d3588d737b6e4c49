import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import {
  ByteStream,
  connect,
  RecordBatchStream,
  VineyardError,
  type Client,
  type ObjectId
} from 'vineyard-streams'
import type { ClientCore } from '#dist/client/client-core.js'
import type { Connection } from '#dist/client/connection.js'
import type { MetaService } from '#dist/client/meta-service.js'
import { Counters } from '#dist/client/counters.js'
import { pullChunk, pushChunk } from '#dist/client/requests/chunks.js'
import { exists } from '#dist/client/requests/metadata.js'
import { openStream, readMode, writeMode } from '#dist/client/requests/streams.js'
import { PolledWindow } from '#dist/streams/window.js'
import { rejection } from '../support/rejection.js'
import { needsVineyard, Vineyardd } from '../support/vineyardd.js'

describe('The window of a writer on a vineyardd', () => {
  let server: Vineyardd
  let client: Client
  let metaService: MetaService

  before(async function () {
    needsVineyard(this)
    server = await Vineyardd.start('4Mi')
    client = await connect(server.socket)
    ;({ metaService } = Reflect.get(client, 'core') as ClientCore)
  })
  after(async () => {
    await client?.close()
    await server?.close()
  })

  function another(): Promise<Connection> {
    const core = Reflect.get(client, 'core') as ClientCore
    return core.connect(connection => Promise.resolve(connection))
  }

  it('takes chunks that went with their stream for lost, not for consumed', async () => {
    const { id: stream } = await RecordBatchStream.create(client)
    const [writer, reader] = [await another(), await another()]
    await openStream(writer, stream, writeMode)
    await openStream(reader, stream, readMode)
    const window = new PolledWindow(
      writer,
      metaService,
      stream,
      { chunks: 16, bytes: Infinity },
      new Counters()
    )
    const push = async (): Promise<ObjectId> => {
      const id = await client.put(1)
      await pushChunk(writer, stream, id, 0)
      window.pushed(0, { id, bytes: 0, accepted: Promise.resolve(id) })
      return id
    }
    const room = (): Promise<void> => window.waitForRoom(0, AbortSignal.timeout(10_000))
    const fill = async (): Promise<ObjectId> => {
      for (let i = window.remains.length; i < 15; i += 1) await push()
      return push()
    }
    // Three are consumed then, so that four are asked for at once; the one before the queued ones is being read.
    await fill()
    for (let i = 0; i < 4; i += 1) await pullChunk(reader, stream)
    await room()
    await fill()
    await room()
    const last = await fill()
    const outstanding = window.remains
    expect(outstanding).to.have.length(16)
    reader.lose(new VineyardError('ERR_VINEYARD_CONNECTION_LOST', 'lost by the test'))
    while (await exists(writer, last)) continue
    expect(await rejection(room())).to.have.property('status', 12)
    expect(window.remains).to.deep.equal(outstanding)
    writer.close()
  })

  it('keeps what a chunk was made of whose push was under way when the connection ended, and forgets what was refused', async () => {
    const writer = await another()
    const ids = ['o0000000000000001', 'o0000000000000002', 'o0000000000000003'] as [
      ObjectId,
      ObjectId,
      ObjectId
    ]
    const window = new PolledWindow(
      writer,
      metaService,
      ids[0],
      { chunks: 16, bytes: Infinity },
      new Counters()
    )
    const parts = ids.slice(1)
    const push = async (before: () => void): Promise<void> => {
      const accepted = Promise.reject<ObjectId>(new Error('refused by the test'))
      window.pushed(1, { id: undefined, bytes: 1, parts, accepted })
      before()
      await rejection(accepted)
    }
    await push(() => {})
    expect(window.remains).to.deep.equal([])
    await push(() => writer.lose(new VineyardError('ERR_VINEYARD_CONNECTION_LOST', 'lost by the test')))
    expect(window.remains).to.deep.equal(parts)
  })

  it('does not take an empty chunk for one that was consumed, and what was written before it for left over', async () => {
    const stream = await ByteStream.create(client)
    const writer = await stream.openWriter()
    const reader = await stream.openReader()
    const sent = ['a', 'b', '', 'c', 'd', ''].map(text => Buffer.from(text))
    for (const chunk of sent) await writer.append(chunk)
    await writer.finish()
    // Twice as long as it waits between two looks at what a finished writer has left.
    await delay(2000)
    const read: string[] = []
    for await (const chunk of reader) read.push(String(chunk))
    expect(read).to.deep.equal(sent.map(String))
    await stream.drop()
  })
})
