/** Columns of a pyarrow.RecordBatch, as docs/python.md lists them. */
export const pythonColumns = {
  whole: [
    'pa.array([None], pa.null())',
    'pa.array([True, None])',
    ...['int8', 'uint64', 'float32', 'float64', 'date32', 'date64'].map(
      type => `pa.array([1], pa.${type}())`
    ),
    "pa.array(np.array([1], 'float16'))",
    "pa.array(['a', None])",
    "pa.array(['a', None], pa.large_string())",
    "pa.array([b'a', None], pa.large_binary())",
    "pa.array([1, None], pa.time32('s'))",
    "pa.array([1, None], pa.time64('us'))",
    "pa.array([1, None], pa.timestamp('ns', 'UTC'))",
    "pa.array([1, None], pa.duration('ms'))",
    'pa.array([[1], None])',
    "pa.array([['a'], None])",
    "pa.array([['a'], None], pa.list_(pa.large_string()))",
    'pa.array([[[1]], None])',
    "pa.array([[b'a']], pa.list_(pa.large_binary()))",
    "pa.array([[1]], pa.list_(pa.timestamp('ms')))"
  ],
  pickled: [
    "pa.array([b'a', None])",
    "pa.array(['a'], pa.string_view())",
    "pa.array([b'a'], pa.binary_view())",
    'pa.array([[1]], pa.large_list(pa.int64()))',
    'pa.array([[1, 2]], pa.list_(pa.int64(), 2))',
    "pa.array([{'a': 1}])",
    "pa.array([[('a', 1)]], pa.map_(pa.string(), pa.int64()))",
    "pa.array(['a', 'b']).dictionary_encode()",
    'pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])',
    'pa.array([(1, 2, 3)], pa.month_day_nano_interval())',
    "pa.array([[{'a': 1}]])",
    "pa.array([[b'a']])"
  ],
  refused: ['pa.array([1], pa.decimal128(5, 2))', "pa.array([b'ab'], pa.binary(2))"]
}

/** A batch of one of them. */
export const batchOf = (column: string): string => `pa.record_batch([${column}], names=['c'])`
