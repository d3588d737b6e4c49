import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import {
  ByteStream,
  DataframeStream,
  ParallelStream,
  RecordBatchStream,
  release,
  StreamCollection
} from 'vineyard-streams'
import { seedBatch, valuesOf } from '../support/batches.js'
import { rejection } from '../support/rejection.js'
import { onEveryWay } from '../support/subjects.js'

/** The first value of column `a`, which tells a batch of `seedBatch` from the others. */
function firstOf(batch: RecordBatch): number {
  return Number(batch.getChild('a')?.get(0))
}

onEveryWay('Groups of streams', '64Mi', bench => {
  it('shares batches between the members in turns and merges them', async () => {
    const out = await ParallelStream.create(await bench.client(), 4, RecordBatchStream)
    const into = await (await bench.client()).get<ParallelStream>(out.id)
    expect(into.streams.map(stream => stream.id)).to.deep.equal(out.streams.map(stream => stream.id))
    const source = Readable.from(Array.from({ length: 20 }, (_, index) => seedBatch(index, 3)))
    const writing = pipeline(source, out.createWriteStream())
    const seen: number[] = []
    for await (const batch of into.createReadStream() as AsyncIterable<RecordBatch>) {
      seen.push(firstOf(batch))
      release(batch)
    }
    await writing
    const members = Array.from({ length: 4 }, (_, member) =>
      seen.filter(first => Math.round(first / 1_000_003) % 4 === member)
    )
    expect(seen).to.have.length(20)
    for (const member of members) expect(member).to.deep.equal([...member].sort((a, b) => a - b))
    await out.drop()
  })

  it('opens many members without a warning of listeners that leak', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    try {
      const group = await ParallelStream.create(await bench.client(), 12, RecordBatchStream)
      group.createWriteStream().end()
      expect(await group.createReadStream().toArray()).to.deep.equal([])
      await group.drop()
    } finally {
      process.off('warning', onWarning)
    }
    expect(warnings).to.deep.equal([])
  })

  it('sends rows with equal values of a column to the same member', async () => {
    const out = await ParallelStream.create(await bench.client(), 3, DataframeStream)
    const into = await (await bench.client()).get<ParallelStream>(out.id)
    const batches = [seedBatch(1, 50), seedBatch(1, 50)]
    const writing = pipeline(Readable.from(batches), out.createWriteStream({ partition: { column: 'a' } }))
    const members = await Promise.all(
      into.streams.map(async stream => {
        const parts = (await stream.createReadStream().toArray()) as RecordBatch[]
        return parts.map(part => valuesOf(part)['a'] as unknown[])
      })
    )
    await writing
    for (const [first, second] of members) expect(first).to.deep.equal(second)
    const rows = members.flatMap(([first]) => first ?? []).sort()
    expect(rows).to.deep.equal((valuesOf(seedBatch(1, 50))['a'] as unknown[]).sort())
    await out.drop()
  })

  it('takes a function for the member, and refuses one that is not there', async () => {
    const out = await ParallelStream.create(await bench.client(), 2, RecordBatchStream)
    const writable = out.createWriteStream({ partition: (batch: RecordBatch) => firstOf(batch) })
    const error = await rejection(pipeline(Readable.from([seedBatch(1, 1)]), writable))
    expect(error).to.be.instanceOf(RangeError)
    await out.drop()
  })

  it('fails when one member fails', async () => {
    const out = await ParallelStream.create(await bench.client(), 2, RecordBatchStream)
    const into = await (await bench.client()).get<ParallelStream>(out.id)
    const [first, second] = out.streams as RecordBatchStream[]
    await (await first!.openWriter()).fail()
    const other = await second!.openWriter()
    const error = await rejection(into.createReadStream().toArray())
    expect(error.code).to.equal('ERR_VINEYARD_STREAM_FAILED')
    await other.close()
    await out.drop()
  })

  it('collects streams of any kind, collections too', async () => {
    const client = await bench.client()
    const inner = await StreamCollection.create(client, [await RecordBatchStream.create(client)], {
      metadata: { __path: '/data' }
    })
    const outer = await StreamCollection.create(client, [inner, await RecordBatchStream.create(client)])
    const found = await (await bench.client()).get<StreamCollection>(outer.id)
    expect((found.streams[0] as StreamCollection).meta['__path']).to.equal('/data')
    const writing = pipeline(Readable.from([seedBatch(1, 2), seedBatch(2, 2)]), outer.createWriteStream())
    const seen = (await found.createReadStream().toArray()) as RecordBatch[]
    await writing
    expect(seen.map(firstOf).sort()).to.deep.equal([1_000_003, 2_000_006])
    for (const batch of seen) release(batch)
    await outer.drop()
  })

  it('refuses a group that occurs twice, in whatever depth, before all ways down were gone', async () => {
    const client = await bench.client()
    const first = await StreamCollection.create(client, [])
    const second = await StreamCollection.create(client, [first])
    for (const members of [
      [first, first],
      [first, second]
    ])
      expect(await rejection(StreamCollection.create(client, members))).to.have.property(
        'code',
        'ERR_INVALID_ARG_VALUE'
      )
    // As somebody else may write them: each level names the one below forty times. All ways down would be 40 ^ 15.
    let last: StreamCollection = first
    for (let level = 0; level < 15; level += 1) {
      const below: StreamCollection = last
      last = await StreamCollection.create(
        client,
        Array.from({ length: 40 }, () => ({ id: below.id }) as StreamCollection)
      )
    }
    const reading = await bench.client()
    expect(await rejection(reading.get(last.id))).to.have.property('code', 'ERR_VINEYARD_METADATA')
    expect(await rejection(StreamCollection.open(reading, last.id))).to.have.property(
      'code',
      'ERR_VINEYARD_METADATA'
    )
  })

  it('says that byte streams cannot be merged', async () => {
    const out = await ParallelStream.create(await bench.client(), 2, ByteStream)
    expect(() => out.createReadStream()).to.throw(/cannot be merged|no order/)
    await out.drop()
  })
})
