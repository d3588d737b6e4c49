import { expect } from 'chai'
import { RecordBatch } from 'apache-arrow'
import { release, type RecordBatchStream } from 'vineyard-streams'
import { plainColumns, typesOf } from './plain.js'
import { withPythonFromAfar } from './session.js'

interface Case {
  title: string
  python: string
  types: Record<string, string>
  columns: Record<string, unknown[]>
}

const frame: Case = {
  title: 'a pandas.DataFrame of integers, floats, booleans and object strings',
  python: `pd.DataFrame({
    'a': np.array([-2**63, 0, 2**53 + 1], 'int64'),
    'b': np.array([1 / 3, -0.0, np.nan]),
    'c': np.array([True, False, True]),
    's': pd.Series(['', None, '東京 🗼'], dtype=object),
  })`,
  types: { a: 'Int64', b: 'Float64', c: 'Bool', s: 'LargeUtf8' },
  columns: {
    a: [String(-(2n ** 63n)), 0, '9007199254740993'],
    b: [1 / 3, -0, 'nan'],
    c: [true, false, true],
    s: ['', null, '東京 🗼']
  }
}

const batch: Case = {
  title: 'a pyarrow.RecordBatch of integers, floats, booleans and strings',
  python: `pa.RecordBatch.from_pydict({
    'a': pa.array([-2**63, 0, 2**53 + 1], pa.int64()),
    'b': pa.array([1 / 3, -0.0, float('inf')], pa.float64()),
    'c': pa.array([True, False, True], pa.bool_()),
    's': pa.array(['', 'Größe', '東京 🗼'], pa.string()),
  })`,
  types: { a: 'Int64', b: 'Float64', c: 'Bool', s: 'LargeUtf8' },
  columns: {
    a: [String(-(2n ** 63n)), 0, '9007199254740993'],
    b: [1 / 3, -0, 'inf'],
    c: [true, false, true],
    s: ['', 'Größe', '東京 🗼']
  }
}

const integers = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64']
const numbers = [...integers, 'float32', 'float64']
const arrowNames = numbers.map(name =>
  name.replace('uint', 'Uint').replace(/^int/, 'Int').replace('float', 'Float')
)
const numberTypes = Object.fromEntries(numbers.map((name, index) => [name, arrowNames[index]!]))
const numberValues = Object.fromEntries(numbers.map(name => [name, [0, 1, 100]]))

const cases: readonly Case[] = [
  frame,
  batch,
  {
    title: 'a pandas.DataFrame of every width of numbers',
    python: `pd.DataFrame({t: np.array([0, 1, 100], t) for t in '${numbers.join(' ')}'.split()})`,
    types: numberTypes,
    columns: numberValues
  },
  {
    title: 'a pyarrow.RecordBatch of every width of numbers',
    python: `pa.RecordBatch.from_pydict({
      t: pa.array(np.array([0, 1, 100], t)) for t in '${numbers.join(' ')}'.split()
    })`,
    types: numberTypes,
    columns: numberValues
  },
  {
    title: 'a pyarrow.RecordBatch with nulls',
    python: `pa.RecordBatch.from_pydict({
      'a': pa.array([None, 1, None, 3], pa.int32()),
      'b': pa.array([0.5, None, None, -1.5], pa.float64()),
      'c': pa.array([None, True, False, None], pa.bool_()),
      's': pa.array(['x', None, '', None], pa.string()),
    })`,
    types: { a: 'Int32', b: 'Float64', c: 'Bool', s: 'LargeUtf8' },
    columns: {
      a: [null, 1, null, 3],
      b: [0.5, null, null, -1.5],
      c: [null, true, false, null],
      s: ['x', null, '', null]
    }
  },
  {
    title: 'a slice of a pyarrow.RecordBatch',
    python: `pa.RecordBatch.from_pydict({
      'a': pa.array([i if i % 3 else None for i in range(40)], pa.int64()),
      'c': pa.array([i % 2 == 0 for i in range(40)], pa.bool_()),
      's': pa.array(['x' * i for i in range(40)], pa.string()),
    }).slice(11, 4)`,
    types: { a: 'Int64', c: 'Bool', s: 'LargeUtf8' },
    columns: {
      a: [11, null, 13, 14],
      c: [false, true, false, true],
      s: [11, 12, 13, 14].map(length => 'x'.repeat(length))
    }
  },
  {
    title: 'a pyarrow.RecordBatch without rows',
    python: `pa.RecordBatch.from_pydict({'a': pa.array([], pa.int64()), 's': pa.array([], pa.string())})`,
    types: { a: 'Int64', s: 'LargeUtf8' },
    columns: { a: [], s: [] }
  },
  {
    title: 'a pandas.DataFrame without rows',
    python: `pd.DataFrame({'a': np.array([], 'int64'), 'b': np.array([], 'float64')})`,
    types: { a: 'Int64', b: 'Float64' },
    columns: { a: [], b: [] }
  }
]

withPythonFromAfar('RecordBatchStream from Python to Node', '64Mi', (bench, python) => {
  /** A stream of the cases, written by Python. */
  async function written(of: readonly Case[]): Promise<RecordBatchStream> {
    const stream: string = await python.call('streams.new', { kind: 'RecordBatchStream' })
    await python.call('streams.append', { stream, chunks: of.map(one => one.python) })
    await python.call('streams.finish', { stream })
    return await (await bench.client()).get<RecordBatchStream>(stream)
  }

  function expectCase(chunk: RecordBatch, { types, columns }: Case): void {
    expect(RecordBatch.isRecordBatch(chunk), 'is a RecordBatch').to.equal(true)
    expect(plainColumns(chunk)).to.deep.equal(columns)
    expect(typesOf(chunk)).to.deep.equal(types)
  }

  for (const one of cases) {
    it(`reads ${one.title}`, async () => {
      const chunks = await (await written([one])).createReadStream().toArray()
      expect(chunks).to.have.length(1)
      expectCase(chunks[0]!, one)
    })
  }

  it('keeps all chunks of createReadStream() intact', async () => {
    const chunks: RecordBatch[] = await (await written(cases)).createReadStream().toArray()
    expect(chunks).to.have.length(cases.length)
    chunks.forEach((chunk, index) => expectCase(chunk, cases[index]!))
    chunks.forEach(chunk => release(chunk))
  })

  it('keeps all chunks of openReader() intact', async () => {
    const reader = await (await written(cases)).openReader()
    const chunks: RecordBatch[] = []
    for await (const chunk of reader) chunks.push(chunk)
    expect(chunks).to.have.length(cases.length)
    chunks.forEach((chunk, index) => expectCase(chunk, cases[index]!))
  })

  it('reads the batches of a pyarrow.Table one by one', async () => {
    const table = `pa.Table.from_batches([pa.RecordBatch.from_pydict({'a': [i, i + 1]}) for i in range(3)])`
    const stream: string = await python.call('streams.new', { kind: 'RecordBatchStream' })
    await python.call('streams.append', { stream, chunks: [table] })
    await python.call('streams.finish', { stream })
    const found = await (await bench.client()).get<RecordBatchStream>(stream)
    const chunks: RecordBatch[] = await found.createReadStream().toArray()
    expect(chunks.map(plainColumns)).to.deep.equal([{ a: [0, 1] }, { a: [1, 2] }, { a: [2, 3] }])
  })
})
