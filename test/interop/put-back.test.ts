import { expect } from 'chai'
import { withPythonFromAfar } from './session.js'

const batch = (column: string): string => `pa.record_batch([${column}], names=['ü'])`
const object = (values: string): string => `np.array(${values}, dtype=object)`

/** What Python puts, Node gets, and puts again: Python must find it equal. By the option that Node needs for it. */
const values: Readonly<Record<'as it is' | 'dataframe', readonly string[]>> = {
  'as it is': [
    ...['0', '-7', '2**53 + 1', '-2**63', '1.5', "''", "'ü'", "'17'", "'o0000000000000001'"],
    ...["b'bytes'", "b''", '()', "(1, 'two', (b'x', 2.5))", '[[1], []]'],
    // Arrays of numpy.
    ...['i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8', 'c8', 'c16', '?'].map(
      dtype => `np.array([0, 1, 1, 0], '${dtype}')`
    ),
    'np.array([np.nan, -0.0, np.inf, 5e-324])',
    'np.arange(24).reshape(2, 3, 4)',
    "np.asfortranarray(np.arange(6, dtype='i4').reshape(2, 3))",
    'np.arange(20)[::3]',
    'np.array(3.5)',
    'np.zeros((0, 3))',
    'np.zeros(0)',
    "np.array(['2024-01-01T12:34:56.789', 'NaT'], 'M8[ns]')",
    "np.array([1, -1, 'NaT'], 'm8[us]')",
    "np.array(['2024-01-01'], 'M8[D]')",
    "np.array(['a', 'bcd', '', '東京 🗼'])",
    "np.array([['a', 'bcd'], ['', 'ü']])",
    "np.array([['a'], ['b']], '<U9')",
    object("['x', None, 'ü']"),
    // Arrays of Arrow.
    ...['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'float64'].map(
      type => `pa.array([1, None, 100], pa.${type}())`
    ),
    'pa.array(range(100)).slice(11, 5)',
    'pa.array([True, None, False] * 5).slice(4, 9)',
    "pa.array(['x', None, 'ü' * 50, ''])",
    'pa.array([], pa.string())',
    'pa.nulls(3)',
    'pa.array([[1, None], None, []], pa.list_(pa.int32()))',
    "pa.array([[['a'], []], None], pa.list_(pa.list_(pa.string()))).slice(0, 1)",
    // Batches and tables.
    batch('pa.array([1, None, 3])'),
    batch("pa.array(['x', None, ''])"),
    batch('pa.array([0.5, None])'),
    batch('pa.array([[1], None], pa.list_(pa.int64()))'),
    batch('pa.nulls(2)'),
    batch('pa.array([], pa.int16())'),
    'pa.record_batch([], schema=pa.schema([]))',
    "pa.record_batch([pa.array([1]), pa.array(['x'])], names=['a', 'a'])",
    "pa.record_batch({'a': [1]}, metadata={'k': 'ü'})",
    "pa.table({'a': [1, 2]})",
    "pa.Table.from_batches([pa.record_batch({'a': [i, None], 's': ['x', None]}) for i in range(3)])",
    // Parts of pandas.
    "pd.Series([1.5, 2.5], name='s')",
    'pd.Series([1, 2], index=[10, 20])',
    "pd.Series(['x', None], dtype=object)",
    "pd.Index([1, 2, 3], name='i')"
  ],
  dataframe: [
    "pd.DataFrame({'a': [1, 2], 'b': [0.5, np.nan], 'c': [True, False]})",
    "pd.DataFrame({'a': np.array([1, 2], 'f4'), 'b': np.array([1, 2], 'u2')}, index=[10, 20])",
    "pd.DataFrame({'s': pd.Series(['x', None, 'ü'], dtype=object)})",
    "pd.DataFrame([[1, 2]], columns=['a', 'a'])",
    "pd.DataFrame({0: [1], 2.5: [2], 'x': [3]})",
    "pd.DataFrame({'a': np.array([], 'i8')})",
    "pd.DataFrame({'a': [1, 2]}, index=pd.Index([3, 4], name='i'))",
    "pd.DataFrame({'a': [1, 2]}, index=pd.to_datetime(['2024-01-01', '2024-01-02']))"
  ]
}

withPythonFromAfar('Objects from Python through Node and back', '64Mi', (bench, python) => {
  for (const [as, expressions] of Object.entries(values)) {
    for (const value of expressions) {
      it(`keeps ${value}`, async () => {
        const client = await bench.client()
        const found = await client.get(await python.call<string>('objects.put', { value }))
        const id = await client.put(found, as === 'dataframe' ? { as } : {})
        expect(await python.call('objects.put_back', { value, object_id: id })).to.equal(null)
      })
    }
  }
})
