import { Table, type RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import {
  ByteStream,
  DataframeStream,
  RecordBatchStream,
  release,
  type Client,
  type StreamWriter
} from 'vineyard-streams'
import { numberedBatch, numberOf, stamp } from '../support/numbered.js'
import { rejection } from '../support/rejection.js'
import { onEveryWay } from '../support/subjects.js'

const bytes = 2 ** 20
const { schema } = numberedBatch(0, 4)

type Writer = StreamWriter<any>

/** How batches are written: each way has an encoder of its own, or another way through it. */
const ways = [
  { name: 'a RecordBatchStream', Type: RecordBatchStream, options: {} },
  { name: 'a RecordBatchStream of data frames', Type: RecordBatchStream, options: { as: 'dataframe' } },
  { name: 'a DataframeStream', Type: DataframeStream, options: {} },
  { name: 'a RecordBatchStream, in a Table', Type: RecordBatchStream, options: {}, inTable: true },
  { name: 'a DataframeStream, in a Table', Type: DataframeStream, options: {}, inTable: true }
] as const

onEveryWay('Memory that is appended', '64Mi', bench => {
  let client: Client
  beforeEach(async () => {
    client = await bench.client()
  })

  const values = (batch: RecordBatch): Int32Array => batch.data.children[0]!.values as Int32Array

  for (const { name, Type, options, ...way } of ways) {
    it(`is taken, whichever way: ${name}`, async () => {
      const stream = await Type.create(client)
      const writer = (await stream.openWriter(client, options)) as Writer
      const reader = await stream.openReader()
      // More than the server has, were it kept until the writer closes.
      for (let number = 0; number < 80; number += 1) {
        const batch = await writer.allocateBatch(schema, bytes / 4)
        stamp(values(batch).fill(0), number)
        await writer.append('inTable' in way ? new Table([batch]) : batch)
        expect(values(batch)).to.have.length(0)
        const { value } = await reader.next()
        expect(numberOf(value as RecordBatch)).to.equal(number)
        release(value)
      }
      await writer.close()
      await reader.close()
    })
  }

  for (const { name, Type, options, ...way } of ways) {
    it(`is refused when it is appended again: ${name}`, async () => {
      const stream = await Type.create(client)
      const writer = (await stream.openWriter(client, options)) as Writer
      const batch = await writer.allocateBatch(schema, 16)
      const value = 'inTable' in way ? new Table([batch]) : batch
      const [first, second] = [writer.append(value), rejection(writer.append(value))]
      await first
      expect(await second).to.have.property('code', 'ERR_VINEYARD_RELEASED')
      // Nothing is lent any more, which is another way through the writer.
      expect(await rejection(writer.append(value))).to.have.property('code', 'ERR_VINEYARD_RELEASED')
      // Nothing is missing: the writer goes on.
      await writer.append(numberedBatch(5, 64))
      await writer.finish()
      const numbers: number[] = []
      for await (const chunk of await stream.openReader()) numbers.push(chunk.numRows)
      expect(numbers).to.deep.equal([16, 16])
    })
  }

  it('is refused when it is appended again: a ByteStream, whole, in halves and in pieces', async () => {
    const stream = await ByteStream.create(client)
    const writer = await stream.openWriter()
    const whole = await writer.allocate(10)
    await writer.append(whole.fill(1))
    const halved = await writer.allocate(10)
    const halves = [halved.fill(2).subarray(0, 5), halved.subarray(5)] as const
    const pieces = await writer.allocate(10)
    await writer.append([pieces.fill(3).subarray(0, 5), pieces.subarray(5)])
    expect(pieces).to.have.length(0)
    await writer.append(halves[0])
    for (const again of [whole, halves[1], [pieces]])
      expect(await rejection(writer.append(again))).to.have.property('code', 'ERR_VINEYARD_RELEASED')
    // That is empty, and not gone.
    await writer.append(Buffer.alloc(0))
    await writer.finish()
    const chunks: string[] = []
    for await (const chunk of await stream.openReader()) chunks.push(chunk.toString('hex'))
    expect(chunks).to.deep.equal(['01'.repeat(10), '03'.repeat(10), '02'.repeat(5), ''])
  })
})
