import { RecordBatch, Table } from 'apache-arrow'
import { expect } from 'chai'
import { OpaqueObject, release } from 'vineyard-streams'
import { rejection } from '../support/rejection.js'
import { batchOf, pythonColumns } from './python-columns.js'
import { plain, plainColumns } from './plain.js'
import { withPythonEveryWay } from './session.js'

/** What Python puts, and what Node gets. */
const values: readonly [python: string, found: unknown][] = [
  ['42', 42],
  ['-7', -7],
  ['2**53 - 1', 2 ** 53 - 1],
  ['2**53 + 1', 2n ** 53n + 1n],
  ['-2**63', -(2n ** 63n)],
  ['1.5', 1.5],
  // The binding rounds to float32 before it sends.
  ['1 / 3', Math.fround(1 / 3)],
  ["'Größe 東京 🗼'", 'Größe 東京 🗼'],
  ["''", ''],
  ["'17'", '17'],
  ['True', true],
  ['False', false],
  ['None', null],
  ["(1, 'two', 3.5, None)", [1, 'two', 3.5, null]],
  ['[[1], []]', [[1], []]],
  ['[]', []]
]

const dtypes = [
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'float32',
  'float64'
]

withPythonEveryWay('Objects from Python to Node', '64Mi', (bench, python) => {
  async function got(value: string, options?: { zeroCopy: boolean }): Promise<any> {
    const id: string = await python.call('objects.put', { value })
    return (await bench.client()).get(id, options)
  }

  for (const [value, found] of values) {
    it(`gives Node ${value}`, async () => expect(await got(value)).to.deep.equal(found))
  }

  it('gives Node bytes as a Buffer', async () => {
    for (const options of [undefined, { zeroCopy: true }, { zeroCopy: false }]) {
      const bytes = await got("b'\\x00\\x01\\xff'", options)
      expect(Buffer.isBuffer(bytes)).to.equal(true)
      expect(bytes.toString('hex')).to.equal('0001ff')
    }
    expect(await got("b''")).to.have.length(0)
  })

  for (const dtype of dtypes) {
    it(`gives Node a numpy array of ${dtype}`, async () => {
      const array = await got(`np.array([1, 0, 100], '${dtype}')`)
      expect(ArrayBuffer.isView(array)).to.equal(true)
      expect(array).to.include({ dtype }).and.to.have.property('shape').that.deep.equals([3])
      expect(Array.from(array, plain)).to.deep.equal([1, 0, 100])
    })
  }

  it('gives Node numpy booleans, times, texts and more dimensions', async () => {
    const bools = await got('np.array([True, False])')
    expect(bools.dtype).to.equal('bool')
    expect([...bools]).to.deep.equal([1, 0])
    const times = await got("np.array(['2024-01-01', 'NaT'], 'datetime64[ns]')")
    expect(times.dtype).to.equal('datetime64[ns]')
    expect([...times]).to.deep.equal([1_704_067_200_000_000_000n, -(2n ** 63n)])
    expect([...(await got("np.array(['x', None, 'ü'], dtype=object)"))]).to.deep.equal(['x', null, 'ü'])
    const matrix = await got('np.arange(6).reshape(2, 3)')
    expect(matrix.shape).to.deep.equal([2, 3])
    expect(Array.from(matrix, plain)).to.deep.equal([0, 1, 2, 3, 4, 5])
  })

  it('gives Node a pyarrow.RecordBatch', async () => {
    const batch = await got(
      "pa.RecordBatch.from_pydict({'a': [1, None], 's': ['x', None], 'c': [True, None]})"
    )
    expect(RecordBatch.isRecordBatch(batch)).to.equal(true)
    expect(plainColumns(batch)).to.deep.equal({ a: [1, null], s: ['x', null], c: [true, null] })
  })

  it('gives Node times in a pyarrow.RecordBatch, which Python itself cannot read back', async () => {
    const batch = await got(
      "pa.RecordBatch.from_pydict({'t': pa.array([1, None], pa.timestamp('us')), 'd': pa.array([1, 2], pa.date32())})"
    )
    expect(batch.schema.fields.map(({ type }: any) => String(type))).to.deep.equal([
      'Timestamp<MICROSECOND>',
      'Date32<DAY>'
    ])
    expect([...batch.getChild('t').data[0].values.subarray(0, 1)]).to.deep.equal([1n])
    expect(batch.getChild('t').get(1)).to.equal(null)
    expect([...batch.getChild('d').data[0].values.subarray(0, 2)]).to.deep.equal([1, 2])
  })

  it('gives Node the columns that docs/python.md says, and opaque objects for the others', async () => {
    for (const column of pythonColumns.whole)
      expect(RecordBatch.isRecordBatch(await got(batchOf(column))), column).to.equal(true)
    for (const column of pythonColumns.pickled) {
      const found = await got(batchOf(column))
      expect(found, column).to.be.instanceOf(OpaqueObject)
      expect(found.reason, column).to.match(/pickled by Python/)
    }
    for (const column of pythonColumns.refused)
      expect(String(await rejection(got(batchOf(column)))), column).to.match(/AttributeError/)
    for (const series of ["['a']", "pd.Categorical(['a'])"]) {
      const found = await got(`pd.DataFrame({'c': ${series}})`)
      expect(found.reason, series).to.match(/first element/)
    }
  })

  it('gives Node a pyarrow.Table', async () => {
    const table: Table = await got(
      "pa.Table.from_batches([pa.RecordBatch.from_pydict({'a': [i, i + 1]}) for i in range(3)])"
    )
    expect(Table.isTable(table)).to.equal(true)
    expect(table.batches.map(plainColumns)).to.deep.equal([{ a: [0, 1] }, { a: [1, 2] }, { a: [2, 3] }])
  })

  it('gives Node a pandas.DataFrame with its index', async () => {
    const frame = await got(
      "pd.DataFrame({'a': [1, 2], 's': pd.Series(['x', 'y'], [10, 20], dtype=object)}, index=[10, 20])"
    )
    expect(plainColumns(frame)).to.deep.equal({ a: [1, 2], s: ['x', 'y'] })
    expect(Array.from(frame.index.values, plain)).to.deep.equal([10, 20])
    expect(frame.labels).to.deep.equal(['a', 's'])
  })

  it('gives Node what Python pickled as an opaque object', async () => {
    const found = await got("{'a': 1}")
    expect(found.typename).to.equal('vineyard::PickleBuffer')
    expect(found.reason).to.be.a('string')
  })

  it('gives Node what is in a tuple', async () => {
    const [batch, array, bytes] = await got("(pa.RecordBatch.from_pydict({'a': [1]}), np.array([2]), b'b')")
    expect(plainColumns(batch)).to.deep.equal({ a: [1] })
    expect(Array.from(array, plain)).to.deep.equal([2])
    expect(String(bytes)).to.equal('b')
  })

  it('gives Node an object of an unknown type with its metadata and its blobs', async () => {
    const client = await bench.client()
    const id: string = await python.call('objects.put_unknown')
    for (const zeroCopy of [true, false]) {
      const found = await client.get<OpaqueObject>(id, { zeroCopy })
      expect(found).to.be.instanceOf(OpaqueObject)
      expect(found).to.include({ id, typename: 'example::Record<int>' })
      expect(found.meta).to.include({ count_: 3, text_: 'ü' })
      expect(found.blobs.map(({ key }) => key)).to.deep.equal(['bytes_', 'numbers_.buffer_'])
      expect(String(found.blob('bytes_'))).to.equal('some bytes')
      for (const key of ['numbers_.buffer_', found.blobs[1]!.id]) {
        expect(found.blob(key)).to.deep.equal(Buffer.from(Int32Array.of(0, 1, 2).buffer))
      }
      if (release(found))
        expect(() => found.blob('bytes_'))
          .to.throw()
          .with.property('code', 'ERR_VINEYARD_RELEASED')
    }
  })

  it('gives Node the partitions of a global data frame and of a global tensor', async () => {
    const client = await bench.client()
    const parts = ["pd.DataFrame({'a': [1, 2]})", "pd.DataFrame({'a': [3]})"]
    const frames = await client.get(await python.call<string>('objects.put_global_frame', { parts }))
    expect(frames.map(plainColumns)).to.deep.equal([{ a: [1, 2] }, { a: [3] }])
    const tensors = await client.get(
      await python.call<string>('objects.put_global_tensor', {
        parts: ['np.arange(2)', 'np.arange(2, 4)'],
        shape: [4]
      })
    )
    expect([tensors.shape, tensors.partitionShape]).to.deep.equal([[4], [2]])
    expect(tensors.map((part: any) => [part.partitionIndex, Array.from(part, plain)])).to.deep.equal([
      [[0], [0, 1]],
      [[1], [2, 3]]
    ])
  })
})
