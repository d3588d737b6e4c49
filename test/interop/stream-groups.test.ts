import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { ByteStream, ParallelStream, RecordBatchStream, release, StreamCollection } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { plainColumns } from './plain.js'
import { withPython } from './session.js'

withPython('Groups of streams and Python', '64Mi', (bench, python) => {
  async function newStreams(kind: string, count: number): Promise<string[]> {
    const streams: string[] = []
    for (let index = 0; index < count; index += 1) streams.push(await python.call('streams.new', { kind }))
    return streams
  }

  /** Has Python write three numbered batches to each stream; returns them by stream. */
  async function produced(streams: readonly string[]): Promise<object[][]> {
    const batches: object[][] = []
    for (const [index, stream] of streams.entries()) {
      const first = index * 10
      await python.call('streams.produce', { stream, first, count: 3, rows: 4 })
      await python.call('streams.finish', { stream })
      batches.push([first, first + 1, first + 2].map(seed => plainColumns(seedBatch(seed, 4))))
    }
    return batches
  }

  /** The batches of a group, by the member they came from: in each the order holds. */
  async function merged(group: ParallelStream | StreamCollection): Promise<object[][]> {
    const members: object[][] = []
    for await (const batch of group.createReadStream()) {
      const columns = plainColumns(batch)
      release(batch)
      const member = Math.floor(Number(columns['a']?.[0]) / 1_000_003 / 10)
      ;(members[member] ??= []).push(columns)
    }
    return members
  }

  it('reads a ParallelStream that Python made and filled', async () => {
    const streams = await newStreams('RecordBatchStream', 3)
    const group = await python.call('groups.new_parallel', { streams })
    const expected = await produced(streams)
    const found = await (await bench.client()).get<ParallelStream>(group)
    expect(found).to.be.instanceOf(ParallelStream)
    expect(found.streams.map(({ id }) => id)).to.deep.equal(streams)
    expect(await merged(found)).to.deep.equal(expected)
    await found.drop()
  })

  it('reads a collection in a collection that Python made and filled', async () => {
    const client = await bench.client()
    const streams = await newStreams('RecordBatchStream', 3)
    const inner = await python.call('groups.new_collection', {
      streams: streams.slice(1),
      metadata: { __path: '/in', __options: '{}' }
    })
    const outer = await python.call('groups.new_collection', {
      streams: [streams[0], inner],
      metadata: { __path: '/out', __global: true }
    })
    const expected = await produced(streams)
    const found = await StreamCollection.open(client, outer)
    expect(found.meta['__path']).to.equal('/out')
    const [first, second] = found.streams as [RecordBatchStream, StreamCollection]
    expect(first).to.be.instanceOf(RecordBatchStream)
    expect(second).to.be.instanceOf(StreamCollection)
    expect(second.meta['__path']).to.equal('/in')
    expect(await merged(found)).to.deep.equal(expected)
    await found.drop()
  })

  it('says of byte streams that they cannot be merged, and reads each', async () => {
    const streams = await newStreams('ByteStream', 2)
    const group = await python.call('groups.new_collection', { streams, metadata: {} })
    for (const [index, stream] of streams.entries()) {
      await python.call('streams.write', { stream, chunks: [`b'part ${index}'`] })
      await python.call('streams.finish', { stream })
    }
    const found = await StreamCollection.open<ByteStream>(await bench.client(), group)
    expect(() => found.createReadStream())
      .to.throw()
      .with.property('code', 'ERR_VINEYARD_UNSUPPORTED')
    const parts = await Promise.all(found.streams.map(stream => stream.createReadStream().toArray()))
    expect(parts.map(chunks => String(Buffer.concat(chunks)))).to.deep.equal(['part 0', 'part 1'])
    await found.drop()
  })

  it('gives Python a ParallelStream that Node made and filled', async () => {
    const group = await ParallelStream.create(await bench.client(), 2, RecordBatchStream)
    const streams = group.streams.map(({ id }) => id)
    expect(await python.call('groups.parallel_members', { group: group.id })).to.deep.equal(
      streams.map(id => ['RecordBatchStream', id])
    )
    const batches = [1, 2, 3, 4].map(seed => seedBatch(seed, 2))
    const writing = pipeline(Readable.from(batches), group.createWriteStream())
    const seen: object[] = []
    for (const stream of streams) {
      const { chunks, end } = await python.call('streams.read', { stream })
      expect(end).to.equal('StopIteration')
      seen.push(chunks.map(({ columns }: any) => columns))
    }
    await writing
    const [first, second, third, fourth] = batches.map(plainColumns)
    expect(seen).to.deep.equal([
      [first, third],
      [second, fourth]
    ])
    await group.drop()
  })

  it('gives Python a collection that Node made', async () => {
    const client = await bench.client()
    const inner = await StreamCollection.create(client, [await RecordBatchStream.create(client)])
    const single = await ByteStream.create(client)
    const outer = await StreamCollection.create<ByteStream | StreamCollection<any>>(client, [inner, single], {
      metadata: { __path: '/ü' }
    })
    expect(await python.call('groups.collection_members', { group: outer.id })).to.deep.equal({
      streams: [inner.id, single.id],
      path: '/ü'
    })
    await outer.drop()
  })
})
