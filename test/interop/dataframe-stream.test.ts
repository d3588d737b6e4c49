import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import * as arrow from 'apache-arrow'
import { expect } from 'chai'
import { DataframeStream, release } from 'vineyard-streams'
import { batchOf, seedBatch } from '../support/batches.js'
import { batchOfColumns, columns, inPython, nullableColumns } from './columns.js'
import { rejection } from '../support/rejection.js'
import { batchOf as batchOfPython, pythonColumns } from './python-columns.js'
import { plainColumns, typesOf } from './plain.js'
import { withPythonFromAfar } from './session.js'

const table = `pa.Table.from_batches([
  pa.RecordBatch.from_pydict({
    'i': pa.array([i, None], pa.int64()),
    's': pa.array(['ü', None], pa.string()),
    'c': pa.array([None, True], pa.bool_()),
    't': pa.array([1_704_067_200_000_000 + i, None], pa.timestamp('us', 'UTC')),
  }) for i in range(3)
])`

withPythonFromAfar('DataframeStream and Python', '64Mi', (bench, python) => {
  async function transfer(
    batches: (arrow.RecordBatch | arrow.Table)[],
    options: object = {}
  ): Promise<any[]> {
    const stream = await DataframeStream.create(await bench.client())
    const [{ chunks, end }] = await Promise.all([
      python.call('streams.read', { stream: stream.id }),
      pipeline(Readable.from(batches), stream.createWriteStream(options))
    ])
    expect(end).to.equal('StopIteration')
    return chunks
  }

  async function written(call: string, args: object): Promise<arrow.RecordBatch[]> {
    const stream: string = await python.call('streams.new', { kind: 'DataframeStream' })
    await python.call(call, { stream, ...args })
    await python.call('streams.finish', { stream })
    const found = await (await bench.client()).get(stream)
    expect(found).to.be.instanceOf(DataframeStream)
    return found.createReadStream().toArray()
  }

  it('carries every column that docs/python.md lists', async () => {
    for (const column of Object.values(pythonColumns).flat()) {
      const [batch, ...others] = await written('streams.write', { chunks: [batchOfPython(column)] })
      expect(others, column).to.deep.equal([])
      expect(batch?.numRows, column).to.be.greaterThan(0)
      release(batch)
    }
  })

  it('gives Python every type, with and without nulls', async () => {
    const batches = [columns, nullableColumns].map(batchOfColumns)
    expect(await transfer(batches, { sameSchema: false })).to.deep.equal([
      inPython(columns, 'recordbatch'),
      inPython(nullableColumns, 'recordbatch')
    ])
  })

  it('gives Python slices and a batch without rows', async () => {
    const batch = batchOfColumns(nullableColumns)
    expect(await transfer([batch.slice(3, 7), batch.slice(0, 0)])).to.deep.equal([
      inPython(nullableColumns, 'recordbatch', 3, 7),
      inPython(nullableColumns, 'recordbatch', 0, 0)
    ])
  })

  it('gives Python times, dictionaries and lists', async () => {
    const list = new arrow.List(arrow.Field.new({ name: 'item', type: new arrow.Int32(), nullable: true }))
    const batch = batchOf({
      t: vectorOfTimes([1_704_067_200_000_000n, 0n, -1n]),
      d: arrow.vectorFromArray(['b', 'a', 'b'], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32())),
      l: arrow.vectorFromArray([[1, 2], [], null], list)
    })
    expect(await transfer([batch])).to.deep.equal([
      {
        type: 'pyarrow.lib.RecordBatch',
        schema: {
          t: 'timestamp[us, tz=UTC]',
          d: 'dictionary<values=string, indices=int32, ordered=0>',
          l: 'list<item: int32>'
        },
        columns: { t: [1_704_067_200_000_000, 0, -1], d: ['b', 'a', 'b'], l: [[1, 2], [], null] },
        rows: 3
      }
    ])
  })

  it('gives Python the batches of a Table one by one', async () => {
    const batches = [seedBatch(1, 3), seedBatch(2, 4)]
    const chunks = await transfer([new arrow.Table(batches)])
    expect(chunks.map(chunk => chunk.columns)).to.deep.equal(batches.map(plainColumns))
  })

  it('gives Node the batches that Python writes, and keeps them intact', async () => {
    const chunks = await written('streams.write_table', { table })
    expect(chunks.map(plainTimes)).to.deep.equal(
      [0, 1, 2].map(i => ({
        i: [i, null],
        s: ['ü', null],
        c: [null, true],
        t: [1_704_067_200_000_000 + i, null]
      }))
    )
    expect(typesOf(chunks[0]!)).to.deep.equal({
      i: 'Int64',
      s: 'Utf8',
      c: 'Bool',
      t: 'Timestamp<MICROSECOND, UTC>'
    })
  })

  it('gives Node dictionaries, decimals, structs and lists', async () => {
    const batch = `pa.RecordBatch.from_pydict({
      'd': pa.array(['b', 'a', 'b']).dictionary_encode(),
      'l': pa.array([[1, 2], [], None], pa.list_(pa.int32())),
      's': pa.array([{'x': 1}, {'x': 2}, {'x': 3}]),
      'n': pa.array(['1.25', '-0.5', None]).cast(pa.decimal128(10, 2)),
    })`
    const [chunk] = await written('streams.write', { chunks: [batch] })
    const column = (name: string): any[] => [...chunk!.getChild(name)!]
    expect(column('d')).to.deep.equal(['b', 'a', 'b'])
    expect(column('l').map(list => list && [...list])).to.deep.equal([[1, 2], [], null])
    expect(column('s').map(struct => struct.toJSON())).to.deep.equal([{ x: 1n }, { x: 2n }, { x: 3n }])
    expect(column('n').map(number => number && String(number))).to.deep.equal(['125', '-50', null])
  })

  /** A chunk that no writer of DataframeStreams makes: what `steps` write with pyarrow's own writer `w`. */
  async function readForeign(
    ...chunks: { schema: string; steps?: string; options?: string }[]
  ): Promise<any[]> {
    const stream: string = await python.call('streams.new', { kind: 'DataframeStream' })
    await python.call('streams.append_ipc', { stream, chunks })
    await python.call('streams.finish', { stream })
    return (await (await bench.client()).get<DataframeStream>(stream)).createReadStream().toArray()
  }

  const numbers = "{'a': pa.int64()}"

  it('gives Node every batch of a chunk, and of a chunk without one a batch that tells its schema', async () => {
    const one = "w.write(pa.record_batch({'a': [1, 2]}))"
    const chunks = await readForeign(
      { schema: numbers, steps: `${one}; w.write(pa.record_batch({'a': [3]}))` },
      { schema: numbers },
      { schema: numbers, steps: one }
    )
    expect(chunks.map(plainColumns)).to.deep.equal([{ a: [1, 2] }, { a: [3] }, { a: [] }, { a: [1, 2] }])
  })

  it('gives Node dictionaries that are replaced and extended within a chunk', async () => {
    const batch = (words: string): string =>
      `w.write(pa.record_batch({'d': pa.array(${words}).dictionary_encode()}))`
    const schema = "{'d': pa.dictionary(pa.int32(), pa.string())}"
    for (const options of ['emit_dictionary_deltas=False', 'emit_dictionary_deltas=True']) {
      const steps = [batch("['x', 'y', 'x']"), batch("['x', 'y', None, 'z']")].join('; ')
      const chunks = await readForeign({ schema, steps, options }, { schema, steps: batch("['q']") })
      expect(chunks.map(plainColumns)).to.deep.equal([
        { d: ['x', 'y', 'x'] },
        { d: ['x', 'y', null, 'z'] },
        { d: ['q'] }
      ])
    }
  })

  it('says what is no chunk of a DataframeStream', async () => {
    for (const chunk of ["b''", "b'text'", '17']) {
      const stream: string = await python.call('streams.new', { kind: 'DataframeStream' })
      await python.call('streams.append', { stream, chunks: [chunk] })
      const found = await (await bench.client()).get<DataframeStream>(stream)
      const error = await rejection(found.createReadStream().toArray())
      expect(error.code).to.equal(chunk === '17' ? 'ERR_VINEYARD_TYPE' : 'ERR_VINEYARD_METADATA')
    }
  })

  it('says that it cannot read a compressed chunk, which apache-arrow cannot', async () => {
    const steps = "w.write(pa.record_batch({'a': [1] * 1000}))"
    for (const compression of ['lz4', 'zstd']) {
      const error = await rejection(
        readForeign({ schema: numbers, steps, options: `compression='${compression}'` })
      )
      expect(error.code).to.equal('ERR_VINEYARD_METADATA')
      expect(String(error.cause)).to.match(/compress/i)
    }
  })

  it('gives Node a batch without rows', async () => {
    const [chunk] = await written('streams.write', {
      chunks: ["pa.RecordBatch.from_pydict({'a': pa.array([], pa.int8())})"]
    })
    expect(chunk!.numRows).to.equal(0)
    expect(typesOf(chunk!)).to.deep.equal({ a: 'Int8' })
  })
})

function vectorOfTimes(values: readonly bigint[]): arrow.Vector {
  const type = new arrow.Timestamp(arrow.TimeUnit.MICROSECOND, 'UTC')
  return new arrow.Vector([arrow.makeData({ type, data: BigInt64Array.from(values) })])
}

/** apache-arrow gives times in milliseconds: here they are the numbers that are stored. */
function plainTimes(batch: arrow.RecordBatch): Record<string, unknown[]> {
  const times = batch.getChild('t')!
  const stored = times.data[0]!.values as BigInt64Array
  const t = Array.from({ length: batch.numRows }, (_, row) =>
    times.isValid(row) ? Number(stored[row]) : null
  )
  return { ...plainColumns(batch), t }
}
