import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { RecordBatch, Table } from 'apache-arrow'
import { RecordBatchStream, release } from 'vineyard-streams'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { rejection } from '../support/rejection.js'
import { memoryReturns } from '../support/settling.js'
import { onEachServer } from '../support/subjects.js'

onEachServer('A stream that is used oddly', '16Mi', bench => {
  async function ends(): Promise<{ out: RecordBatchStream; into: RecordBatchStream }> {
    const out = await RecordBatchStream.create(await bench.client())
    return { out, into: await RecordBatchStream.open(await bench.client(), out.id) }
  }

  it('carries very many tiny chunks in order', async () => {
    const { out, into } = await ends()
    const count = bench.subject.name.endsWith('store') ? 20_000 : 1_000
    const writing = pipeline(
      (function* () {
        for (let number = 0; number < count; number += 1) yield numberedBatch(number, 4)
      })(),
      out.createWriteStream()
    )
    let number = 0
    for await (const batch of into.createReadStream()) {
      if (numberOf(batch) !== number) expect.fail(`chunk ${number} is ${numberOf(batch)}`)
      number += 1
      release(batch)
    }
    await writing
    expect(number).to.equal(count)
  })

  it('answers concurrent calls of next() in their order, also when the reader is closed meanwhile', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    const reader = await into.openReader()
    const calls = Array.from({ length: 4 }, () => reader.next())
    const late = calls.slice(2).map(call => rejection(call))
    await Promise.all([0, 1].map(number => writer.append(numberedBatch(number, 4))))
    for (const [index, call] of calls.slice(0, 2).entries()) {
      const { value } = await call
      expect(numberOf(value!)).to.equal(index)
      release(value)
    }
    await reader.close()
    for (const one of late) expect(await one).to.have.property('code', 'ERR_VINEYARD_CLOSED')
  })

  it('keeps the order of concurrent appends around one that cannot be stored', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    const appends = [
      writer.append(numberedBatch(0, 4)),
      rejection(writer.append(Symbol('nonsense') as never)),
      writer.append(numberedBatch(1, 4096)),
      writer.finish(),
      rejection(writer.append(numberedBatch(2, 4)))
    ]
    const seen: number[] = []
    for await (const batch of into.createReadStream()) seen.push(numberOf(batch))
    const [, nonsense, , , late] = await Promise.all(appends)
    expect(seen).to.deep.equal([0, 1])
    expect(nonsense).to.have.property('code', 'ERR_VINEYARD_TYPE')
    expect(late).to.have.property('code', 'ERR_VINEYARD_CLOSED')
  })

  it('finishes once for all who call finish() at the same time', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    const reading = into.createReadStream().map(numberOf).toArray()
    await Promise.all([writer.append(numberedBatch(7, 4)), writer.finish(), writer.finish()])
    await writer.finish()
    expect(await reading).to.deep.equal([7])
  })

  it('carries batches without rows, and passes over tables without batches', async () => {
    const { out, into } = await ends()
    const client = await bench.client()
    const before = (await client.status()).memoryUsage
    const empty = numberedBatch(0, 0)
    const writer = await out.openWriter()
    await writer.append(empty)
    await writer.append(new Table(empty.schema))
    await writer.append(new Table([empty, numberedBatch(7, 4096), empty]))
    await writer.finish()
    const rows: number[] = []
    for await (const batch of into.createReadStream()) {
      expect(RecordBatch.isRecordBatch(batch)).to.equal(true)
      rows.push(batch.numRows)
      release(batch)
    }
    expect(rows.filter(count => count > 0)).to.deep.equal([1024])
    await out.drop()
    await memoryReturns(client, before)
  })

  it('refuses options that are wrong before it touches the server', async () => {
    const { out } = await ends()
    const wrong: [options: object, code: string][] = [
      [{ highWatermark: 1 }, 'ERR_INVALID_ARG_VALUE'],
      [{ highWaterMark: -1 }, 'ERR_INVALID_ARG_VALUE'],
      [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
      [{ idleTimeout: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ idleTimeout: NaN }, 'ERR_OUT_OF_RANGE']
    ]
    for (const [options, code] of wrong) {
      expect(() => out.createReadStream(options), JSON.stringify(options))
        .to.throw()
        .with.property('code', code)
    }
    for (const window of [{ chunks: 0 }, { bytes: NaN }]) {
      const error = await rejection(out.openWriter(undefined, { window }))
      expect(error).to.have.property('code', 'ERR_OUT_OF_RANGE')
      expect(() => out.createWriteStream({ window })).to.throw(RangeError)
    }
    // None of these has used the marks up.
    await (await out.openWriter()).close()
  })
})
