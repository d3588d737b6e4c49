import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { RecordBatchStream } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { plainColumns, typesOf } from './plain.js'
import { withPython } from './session.js'

const totalChunks = 10
const dtypes = { a: 'int64', b: 'float64', c: 'bool' }

withPython('The example of "Streams in Vineyard"', '64Mi', (bench, python) => {
  it('runs from Python to Node', async () => {
    const id: string = await python.call('seed_page.new_stream')
    const stream = await (await bench.client()).get<RecordBatchStream>(id)
    expect(stream).to.be.instanceOf(RecordBatchStream)
    const [produced, consumed] = await Promise.all([
      python.call('seed_page.produce', { stream: id, total_chunks: totalChunks }),
      stream.createReadStream().toArray()
    ])
    expect(produced).to.have.length(totalChunks)
    expect(consumed.map(plainColumns)).to.deep.equal(produced.map((chunk: any) => chunk.columns))
    for (const chunk of consumed)
      expect(typesOf(chunk)).to.deep.equal({ a: 'Int64', b: 'Float64', c: 'Bool' })
  })

  it('runs from Node to Python', async () => {
    const client = await bench.client()
    const stream = await RecordBatchStream.create(client)
    const produced = Array.from({ length: totalChunks }, (_, index) => seedBatch(index, 2))
    const produce = async (): Promise<void> => {
      const writer = await stream.openWriter()
      for (const chunk of produced) await writer.append(await client.put(chunk, { as: 'dataframe' }))
      await writer.finish()
    }
    const [consumed] = await Promise.all([python.call('seed_page.consume', { stream: stream.id }), produce()])
    expect(consumed).to.deep.equal(
      produced.map(chunk => ({
        type: 'pandas.DataFrame',
        schema: dtypes,
        columns: plainColumns(chunk),
        rows: 2,
        index: [0, 1]
      }))
    )
  })

  it('runs from a Node pipeline to Python on a stream that Python made', async () => {
    const id: string = await python.call('seed_page.new_stream')
    const stream = await (await bench.client()).get<RecordBatchStream>(id)
    const produced = Array.from({ length: totalChunks }, (_, index) => seedBatch(index, 2))
    const [consumed] = await Promise.all([
      python.call('seed_page.consume', { stream: id }),
      pipeline(Readable.from(produced), stream.createWriteStream({ as: 'dataframe' }))
    ])
    expect(consumed.map((chunk: any) => chunk.columns)).to.deep.equal(produced.map(plainColumns))
  })

  it('runs from Python to a pipeline in Node on a stream that Node made', async () => {
    const stream = await RecordBatchStream.create(await bench.client())
    const consumed: unknown[] = []
    const [produced] = await Promise.all([
      python.call('seed_page.produce', { stream: stream.id, total_chunks: totalChunks }),
      pipeline(stream.createReadStream(), async function (chunks) {
        for await (const chunk of chunks) consumed.push(plainColumns(chunk))
      })
    ])
    expect(consumed).to.deep.equal(produced.map((chunk: any) => chunk.columns))
  })
})
