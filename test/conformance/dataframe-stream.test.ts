import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import type { Vector } from 'apache-arrow'
import {
  Dictionary,
  Int32,
  makeData,
  makeVector,
  RecordBatch,
  Table,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray
} from 'apache-arrow'
import { DataframeStream, release, RecordBatchStream } from 'vineyard-streams'
import { batchOf, seedBatch, valuesOf } from '../support/batches.js'
import { rejection } from '../support/rejection.js'
import { onEveryWay } from '../support/subjects.js'

onEveryWay('DataframeStream', '64Mi', bench => {
  async function ends(): Promise<{ out: DataframeStream; into: DataframeStream }> {
    const out = await DataframeStream.create(await bench.client())
    const into = await (await bench.client()).get<DataframeStream>(out.id)
    return { out, into }
  }

  it('carries batches of every kind, zero rows and the batches of a Table too', async () => {
    const { out, into } = await ends()
    const rich = batchOf({
      text: vectorFromArray(['a', null, 'ü'], new Utf8()),
      kind: vectorFromArray(['x', 'y', 'x'], new Dictionary(new Utf8(), new Int32())),
      when: vectorFromArray([0, 1, 2], new TimestampMicrosecond())
    })
    const table = new Table([rich.slice(0, 1), rich.slice(1, 3)])
    const empty = new Table(rich.schema)
    const source = Readable.from([rich, table, rich.slice(0, 0), empty])
    const writing = pipeline(source, out.createWriteStream())
    const seen = await into.createReadStream().toArray()
    await writing
    const expected = [rich, ...table.batches, rich.slice(0, 0), rich.slice(0, 0)]
    expect(seen.map(valuesOf)).to.deep.equal(expected.map(valuesOf))
    for (const batch of seen) release(batch)
  })

  it('releases the memory of a chunk with its batch', async () => {
    const { out, into } = await ends()
    const writing = pipeline(Readable.from([seedBatch(1, 100)]), out.createWriteStream())
    const [batch] = (await into.createReadStream().toArray()) as [RecordBatch]
    await writing
    const column = batch.getChild('b')
    // A vineyardd cannot keep a blob, so there the batch is a copy.
    if (release(batch))
      expect(() => column?.get(0))
        .to.throw()
        .with.property('code', 'ERR_VINEYARD_RELEASED')
    else expect(column?.get(0)).to.equal(valuesOf(seedBatch(1, 100))['b']?.[0])
  })

  it('carries dictionaries that have the same id', async () => {
    const { out, into } = await ends()
    const type = new Dictionary(new Utf8(), new Int32(), 5)
    const column = (...words: string[]): Vector =>
      makeVector(
        makeData({
          type,
          length: 2,
          data: Int32Array.of(1, 0),
          dictionary: vectorFromArray(words, new Utf8())
        })
      )
    const batch = batchOf({ a: column('a', 'b'), b: column('c', 'd') })
    const writing = pipeline(Readable.from([batch]), out.createWriteStream())
    const [read] = (await into.createReadStream().toArray()) as [RecordBatch]
    await writing
    expect(valuesOf(read)).to.deep.equal({ a: ['b', 'a'], b: ['d', 'c'] })
  })

  it('carries the metadata of each batch', async () => {
    const { out, into } = await ends()
    const noted = (key: string): RecordBatch => {
      const { schema, data } = seedBatch(1, 3)
      return new RecordBatch(schema, data, new Map(key === '' ? [] : [['key', key]]))
    }
    const writing = pipeline(Readable.from(['first', '', 'second'].map(noted)), out.createWriteStream())
    const seen = await into.createReadStream().toArray()
    await writing
    expect(seen.map(({ metadata }) => metadata.get('key'))).to.deep.equal(['first', undefined, 'second'])
    expect(seen.map(valuesOf)).to.deep.equal(Array(3).fill(valuesOf(seedBatch(1, 3))))
  })

  for (const type of [DataframeStream, RecordBatchStream]) {
    it(`refuses a dictionary of dictionaries in a ${type.name}`, async () => {
      const dictionary = vectorFromArray(['x', 'y'], new Dictionary(new Utf8(), new Int32()))
      const nested = new Dictionary(dictionary.type, new Int32())
      const column = makeData({ type: nested, length: 2, data: Int32Array.of(1, 0), dictionary })
      const writer = await (await type.create(await bench.client())).openWriter()
      const error = await rejection(writer.append(batchOf({ twice: makeVector(column) })))
      expect(error.code).to.equal('ERR_VINEYARD_TYPE')
      expect(error.message).to.contain('column "twice"')
    })

    it(`refuses a batch of another schema in a ${type.name} unless told otherwise`, async () => {
      const client = await bench.client()
      const other = batchOf({ a: vectorFromArray(['text'], new Utf8()) })
      const strict = await (await type.create(client)).openWriter()
      await strict.append(seedBatch(1, 1))
      const error = await rejection(strict.append(other))
      expect(error.code).to.equal('ERR_VINEYARD_TYPE')
      const lax = await (await type.create(client)).openWriter(client, { sameSchema: false })
      await lax.append(seedBatch(1, 1))
      await lax.append(other)
    })
  }
})
