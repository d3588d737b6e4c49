import { Bool, Int32, Table, Utf8, vectorFromArray } from 'apache-arrow'
import { expect } from 'chai'
import type { PutOptions } from 'vineyard-streams'
import { batchOf, seedBatch } from '../support/batches.js'
import { batchOfColumns, columns, inPython, nullableColumns } from './columns.js'
import { plain, plainColumns } from './plain.js'
import { withPythonEveryWay } from './session.js'

const int = (value: unknown): object => ({ type: 'builtins.int', value })
const float = (value: unknown): object => ({ type: 'builtins.float', value })
const str = (value: string): object => ({ type: 'builtins.str', value })

/** What is put, and what Python gets. */
const scalars: readonly [title: string, value: unknown, found: object][] = [
  ['an integer', 42, int(42)],
  ['a negative integer', -7, int(-7)],
  ['zero', 0, int(0)],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER, int(Number.MAX_SAFE_INTEGER)],
  ['a bigint', 5n, int(5)],
  ['the largest 64-bit bigint', 2n ** 63n - 1n, int('9223372036854775807')],
  ['the smallest 64-bit bigint', -(2n ** 63n), int('-9223372036854775808')],
  ['a fraction, as exact as it is', 1 / 3, float(1 / 3)],
  ['a tiny number', 5e-324, float(5e-324)],
  ['a large number', 1e300, float(1e300)],
  ['-0', -0, float(-0)],
  ['NaN', NaN, float('nan')],
  ['Infinity', Infinity, float('inf')],
  ['-Infinity', -Infinity, float('-inf')],
  ['a string', 'Größe 東京 🗼', str('Größe 東京 🗼')],
  ['an empty string', '', str('')],
  ['a string that looks like a number', '17', str('17')],
  // Python's own booleans come back as 1 and 0, too.
  ['true', true, int(1)],
  ['false', false, int(0)],
  ['null', null, { type: 'builtins.NoneType', value: null }],
  [
    'an array',
    [1, 'two', 3.5, null],
    { type: 'builtins.tuple', values: [int(1), str('two'), float(3.5), none()] }
  ],
  ['an empty array', [], { type: 'builtins.tuple', values: [] }],
  ['an array of arrays', [[1], [[]]], { type: 'builtins.tuple', values: [tuple(int(1)), tuple(tuple())] }],
  ['a Buffer', Buffer.from([0, 1, 255]), { type: 'builtins.memoryview', value: '0001ff' }],
  ['an ArrayBuffer', Uint8Array.of(7, 8).buffer, { type: 'builtins.memoryview', value: '0708' }],
  ['an empty Buffer', Buffer.alloc(0), { type: 'builtins.memoryview', value: '' }]
]

function none(): object {
  return { type: 'builtins.NoneType', value: null }
}

function tuple(...values: object[]): object {
  return { type: 'builtins.tuple', values }
}

const arrays: Readonly<Record<string, NodeJS.TypedArray>> = {
  int8: Int8Array.of(-128, 0, 127),
  int16: Int16Array.of(-32768, 0, 32767),
  int32: Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1),
  int64: BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 63n - 1n),
  uint8: Uint8Array.of(0, 1, 255),
  uint16: Uint16Array.of(0, 1, 65535),
  uint32: Uint32Array.of(0, 1, 2 ** 32 - 1),
  uint64: BigUint64Array.of(0n, 1n, 2n ** 64n - 1n),
  float32: Float32Array.of(1.5, -0, NaN),
  float64: Float64Array.of(1 / 3, -0, Infinity)
}

withPythonEveryWay('Objects from Node to Python', '64Mi', (bench, python) => {
  async function seen(value: unknown, options?: PutOptions): Promise<any> {
    const id = await (await bench.client()).put(value, options)
    return python.call('objects.get', { object_id: id })
  }

  for (const [title, value, found] of scalars) {
    it(`gives Python ${title}`, async () => expect(await seen(value)).to.deep.equal(found))
  }

  for (const [dtype, values] of Object.entries(arrays)) {
    it(`gives Python a numpy array of ${dtype}`, async () => {
      const expected = { type: 'numpy.ndarray', dtype, shape: [3], values: Array.from(values, plain) }
      expect(await seen(values)).to.deep.equal(expected)
    })
  }

  it('gives Python an empty typed array', async () => {
    const expected = { type: 'numpy.ndarray', dtype: 'float64', shape: [0], values: [] }
    expect(await seen(new Float64Array())).to.deep.equal(expected)
  })

  it('gives Python part of a typed array', async () => {
    const expected = { type: 'numpy.ndarray', dtype: 'int16', shape: [2], values: [2, 3] }
    expect(await seen(Int16Array.of(1, 2, 3, 4).subarray(1, 3))).to.deep.equal(expected)
  })

  it('gives Python a RecordBatch', async () => {
    expect(await seen(batchOfColumns(columns))).to.deep.equal(inPython(columns, 'recordbatch'))
    expect(await seen(batchOfColumns(nullableColumns))).to.deep.equal(
      inPython(nullableColumns, 'recordbatch')
    )
  })

  it('gives Python a DataFrame', async () => {
    expect(await seen(batchOfColumns(columns), { as: 'dataframe' })).to.deep.equal(
      inPython(columns, 'dataframe')
    )
    const found = await seen(batchOfColumns(nullableColumns), { as: 'dataframe' })
    expect(found).to.deep.equal(inPython(nullableColumns, 'dataframe'))
  })

  it('gives Python a Table of several batches', async () => {
    const batches = [seedBatch(1, 3), seedBatch(2, 4)]
    expect(await seen(new Table(batches))).to.deep.equal({
      type: 'pyarrow.lib.Table',
      schema: { a: 'int64', b: 'double', c: 'bool' },
      columns: Object.fromEntries(
        ['a', 'b', 'c'].map(name => [name, batches.flatMap(batch => plainColumns(batch)[name])])
      ),
      rows: 7
    })
  })

  it('gives Python what is in an array: batches and typed arrays', async () => {
    const small = batchOf({
      i: vectorFromArray([1, 2], new Int32()),
      b: vectorFromArray([true, null], new Bool()),
      s: vectorFromArray(['x', null], new Utf8())
    })
    const { values } = await seen([small, Int8Array.of(1), Buffer.from('b')])
    expect(values).to.deep.equal([
      {
        type: 'pyarrow.lib.RecordBatch',
        schema: { i: 'int32', b: 'bool', s: 'string' },
        columns: { i: [1, 2], b: [true, null], s: ['x', null] },
        rows: 2
      },
      { type: 'numpy.ndarray', dtype: 'int8', shape: [1], values: [1] },
      { type: 'builtins.memoryview', value: '62' }
    ])
  })

  it('has the typenames that Python expects', async () => {
    const client = await bench.client()
    const typename = async (value: unknown, options?: PutOptions): Promise<string> =>
      python.call('objects.typename', { object_id: await client.put(value, options) })
    expect(await typename(1)).to.equal('vineyard::Scalar<int>')
    expect(await typename(1.5)).to.equal('vineyard::Scalar<double>')
    expect(await typename('x')).to.equal('vineyard::Scalar<std::string>')
    expect(await typename(Int32Array.of(1))).to.equal('vineyard::Tensor<int>')
    expect(await typename(seedBatch(0, 1))).to.equal('vineyard::RecordBatch')
    expect(await typename(seedBatch(0, 1), { as: 'dataframe' })).to.equal('vineyard::DataFrame')
    expect(await typename(new Table([seedBatch(0, 1)]))).to.equal('vineyard::Table')
  })
})
