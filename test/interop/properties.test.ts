import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Vector, type Data } from 'apache-arrow'
import { expect } from 'chai'
import fc from 'fast-check'
import { DataframeStream, RecordBatchStream, release } from 'vineyard-streams'
import { allKinds, randomBatches, type Kind } from '../support/arbitrary-batches.js'
import { exactBatch, exactValues, typeText, type ExactBatch } from '../support/exact.js'
import { holds } from '../support/properties.js'
import { withPython } from './session.js'

/** Types that upstream's builder writes as arrays. It pickles the others, or fails. */
const plainKinds: readonly Kind[] = [
  'null',
  'bool',
  'int',
  'float16',
  'float32',
  'float64',
  'utf8',
  'largeUtf8',
  'largeBinary',
  'date',
  'time',
  'timestamp',
  'duration',
  'list'
]

/** What upstream's reader makes of a batch: it counts the rows of the columns. */
function asRead(batch: ExactBatch): ExactBatch {
  return batch.columns.length === 0 ? { ...batch, rows: 0 } : batch
}

/**
 * What upstream's builder makes of a schema: 64-bit offsets (within a list it leaves the type as it is), and nothing of
 * what a field says besides its name.
 */
function asBuilt({ columns, ...rest }: ExactBatch): ExactBatch {
  return {
    ...rest,
    columns: columns.map(([name, type]) => [
      name,
      type
        .replace(/^(string|binary)$/, 'large_$1')
        .replace(/^list<[^:]*: (.*?)(?: not null)?>$/, 'large_list<item: $1>'),
      true
    ])
  }
}

const same = (batch: ExactBatch): ExactBatch => batch

withPython('Random batches and Python', '64Mi', (bench, python) => {
  // Starting Python takes a second, which would be taken from the runs.
  beforeEach(() => python.call('random_batches.loaded'))

  async function read(id: string): Promise<ExactBatch[]> {
    const stream = await (await bench.client()).get<RecordBatchStream>(id)
    const chunks = await stream.createReadStream().toArray()
    const exact = chunks.map(exactBatch)
    for (const chunk of chunks) release(chunk)
    return exact
  }

  holds('arrive in Python as they were sent through a RecordBatchStream, whatever their types', async () => {
    const client = await bench.client()
    return fc.asyncProperty(randomBatches(), async ({ batches, exact }) => {
      const stream = await RecordBatchStream.create(client)
      const [seen] = await Promise.all([
        python.call('random_batches.read', { stream: stream.id }),
        pipeline(Readable.from(batches), stream.createWriteStream())
      ])
      expect(seen).to.deep.equal(exact.map(asRead))
    })
  })

  holds('arrive in Python and in Node as single arrays', async () => {
    const client = await bench.client()
    return fc.asyncProperty(randomBatches(), async ({ batches, exact }) => {
      const columns = batches.flatMap(({ data }) => data.children)
      const ids = await Promise.all(columns.map(column => client.put(new Vector([column]))))
      const inNode = await Promise.all(
        ids.map(async id => {
          const [data] = (await client.get<Vector>(id)).data as [Data]
          return { type: typeText(data.type), values: exactValues(data) }
        })
      )
      expect(await python.call('random_batches.read_arrays', { ids })).to.deep.equal(inNode)
      expect(inNode.map(({ values }) => values)).to.deep.equal(exact.flatMap(({ values }) => values))
      for (const [index, { type }] of columns.entries()) {
        // A name for 32-bit offsets that Python reads does not exist; nor has such a list a field to name.
        const sent = typeText(type).replace(/^(string|binary)$/, 'large_$1')
        if (!/^(large_)?list/.test(sent)) expect(inNode[index]?.type).to.equal(sent)
      }
      await client.delete(ids)
    })
  })

  for (const { type, kinds, inPython, fromPython } of [
    { type: RecordBatchStream, kinds: plainKinds, inPython: asRead, fromPython: asBuilt },
    { type: DataframeStream, kinds: allKinds, inPython: same, fromPython: same }
  ]) {
    holds(`come back from Python as they were sent through a ${type.name}`, async () => {
      const client = await bench.client()
      return fc.asyncProperty(randomBatches(kinds), async ({ batches, exact }) => {
        const [there, back] = [await type.create(client), await type.create(client)]
        const [seen] = await Promise.all([
          python.call('random_batches.echo', { source: there.id, target: back.id }),
          pipeline(Readable.from(batches), there.createWriteStream())
        ])
        expect(seen).to.deep.equal(exact.map(inPython))
        expect(await read(back.id)).to.deep.equal(exact.map(inPython).map(fromPython))
      })
    })

    holds(`arrive as Python wrote them to a ${type.name}`, async () => {
      const client = await bench.client()
      const seeds = fc.noShrink(fc.nat())
      return fc.asyncProperty(seeds, fc.integer({ min: 1, max: 3 }), async (seed, count) => {
        const { id } = await type.create(client)
        const written = await python.call<ExactBatch[]>('random_batches.produce', { stream: id, seed, count })
        expect(await read(id)).to.deep.equal(written.map(fromPython))
      })
    })
  }
})
