import { expect } from 'chai'
import { connect, RecordBatchStream, release, type Client } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { FrameProxy } from '../support/frame-proxy.js'
import { rejection } from '../support/rejection.js'
import { memoryReturns } from '../support/settling.js'
import { needsVineyard, Vineyardd } from '../support/vineyardd.js'

/** How many times each of these answers is what a chunk's producer waits for: three columns, their objects, the batch. */
const answers: [type: string, nth: number][] = [
  ['seal_reply', 1],
  ['seal_reply', 3],
  ['create_datas_reply', 1],
  ['create_datas_reply', 2]
]

describe('A writer that loses its own connection to a vineyardd', () => {
  let server: Vineyardd
  let proxy: FrameProxy
  let client: Client
  let observer: Client
  /** Counts down with each answer of that type, and ends the connection instead of passing on the last. */
  let cut: { type: string; left: number } | undefined

  before(async function () {
    needsVineyard(this)
    server = await Vineyardd.start('16Mi')
    observer = await connect(server.socket)
    proxy = new FrameProxy(server.socket, {
      reply: text => {
        if (cut === undefined || !text.includes(`"type":"${cut.type}"`)) return text
        cut.left -= 1
        if (cut.left > 0) return text
        cut = undefined
        return null
      }
    })
    client = await connect(proxy.socket)
  })
  after(async () => {
    await client?.close()
    proxy?.close()
    await observer?.close()
    await server?.close()
  })

  for (const [type, nth] of answers) {
    it(`leaves nothing of the chunk that it was making: instead of ${type} number ${nth}`, async () => {
      const stream = await RecordBatchStream.create(client)
      const writer = await stream.openWriter()
      const reader = await stream.openReader()
      await writer.append(seedBatch(0, 1000))
      cut = { type, left: nth }
      expect(await rejection(writer.append(seedBatch(1, 1000)))).to.have.property(
        'code',
        'ERR_VINEYARD_CONNECTION_LOST'
      )
      await writer.close()
      const first = await reader.next()
      expect(first.value?.numRows).to.equal(1000)
      release(first.value)
      expect(await rejection(reader.next())).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
      await reader.close()
      await stream.drop()
      await memoryReturns(observer, 0)
    })
  }

  it('leaves nothing of the memory that it had handed out', async () => {
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    await writer.allocate(10_000)
    cut = { type: 'seal_reply', left: 1 }
    await rejection(writer.append(seedBatch(1, 1000)))
    await writer.close()
    await memoryReturns(observer, 0)
    await stream.drop()
  })
})
