import * as arrow from 'apache-arrow'
import { batchOf } from '../support/batches.js'
import { plain } from './plain.js'

/** A column, and what Python calls its type. */
interface Column {
  type: arrow.DataType
  /** In a pyarrow.RecordBatch. */
  pyarrow: string
  /** In a pandas.DataFrame. */
  pandas: string
  values: readonly unknown[]
}

const texts = ['', 'plain', 'Größe', '東京 🗼', 'a\0b', ' ', '"quoted"', 'x'.repeat(300)]

/** Every type of the interop promise, eight rows each. */
export const columns: Readonly<Record<string, Column>> = {
  int8: column(new arrow.Int8(), 'int8', [-128, -1, 0, 1, 2, 3, 4, 127]),
  int16: column(new arrow.Int16(), 'int16', [-32768, -1, 0, 1, 2, 3, 4, 32767]),
  int32: column(new arrow.Int32(), 'int32', [-(2 ** 31), -1, 0, 1, 2, 3, 4, 2 ** 31 - 1]),
  int64: column(new arrow.Int64(), 'int64', [
    -(2n ** 63n),
    -1n,
    0n,
    1n,
    2n ** 53n + 1n,
    3n,
    4n,
    2n ** 63n - 1n
  ]),
  uint8: column(new arrow.Uint8(), 'uint8', [0, 1, 2, 3, 4, 5, 254, 255]),
  uint16: column(new arrow.Uint16(), 'uint16', [0, 1, 2, 3, 4, 5, 6, 65535]),
  uint32: column(new arrow.Uint32(), 'uint32', [0, 1, 2, 3, 4, 5, 6, 2 ** 32 - 1]),
  uint64: column(new arrow.Uint64(), 'uint64', [
    0n,
    1n,
    2n,
    3n,
    4n,
    2n ** 53n + 1n,
    2n ** 63n,
    2n ** 64n - 1n
  ]),
  float32: column(
    new arrow.Float32(),
    'float',
    [0, -0, 1.5, -0.25, 2 ** 100, Infinity, -Infinity, NaN],
    'float32'
  ),
  float64: column(
    new arrow.Float64(),
    'double',
    [0, -0, 1 / 3, 5e-324, 1e300, Infinity, -Infinity, NaN],
    'float64'
  ),
  bool: column(new arrow.Bool(), 'bool', [true, false, false, true, true, false, true, false]),
  utf8: column(new arrow.Utf8(), 'string', texts, 'object')
}

function column(type: arrow.DataType, pyarrow: string, values: readonly unknown[], pandas = pyarrow): Column {
  return { type, pyarrow, pandas, values }
}

/** The columns with nulls, where a Python frame has another type for them: NaN among numbers, None elsewhere. */
export const nullableColumns: Readonly<Record<string, Column>> = Object.fromEntries(
  ['int8', 'int64', 'uint32', 'float32', 'float64', 'bool', 'utf8'].map(name => {
    const { type, pyarrow, pandas } = columns[name]!
    // Whole numbers that a double holds, for in a frame they become doubles.
    const source = name.includes('int')
      ? columns['uint8']!.values.map(value => Number(value) % 100)
      : columns[name]!.values
    const values = source.map((value, row) =>
      row % 3 === 1 ? null : name === 'int64' ? BigInt(value as number) : value
    )
    return [name, { type, pyarrow, pandas: pandasWithNulls(name, pandas), values }]
  })
)

function pandasWithNulls(name: string, pandas: string): string {
  if (name.includes('int')) return 'float64'
  return name === 'bool' ? 'object' : pandas
}

/** A batch of columns. */
export function batchOfColumns(from: Readonly<Record<string, Column>>): arrow.RecordBatch {
  return batchOf(
    Object.fromEntries(
      Object.entries(from).map(([name, { type, values }]) => [name, arrow.vectorFromArray(values, type)])
    )
  )
}

/** What Python must say of rows `from` to `to` of the columns. */
export function inPython(
  of: Readonly<Record<string, Column>>,
  as: 'recordbatch' | 'dataframe',
  from = 0,
  to = 8
): Record<string, unknown> {
  const entries = Object.entries(of)
  const frame = as === 'dataframe'
  const rows = Math.max(0, to - from)
  return {
    type: frame ? 'pandas.DataFrame' : 'pyarrow.lib.RecordBatch',
    schema: Object.fromEntries(
      entries.map(([name, { pyarrow, pandas }]) => [name, frame ? pandas : pyarrow])
    ),
    columns: Object.fromEntries(
      entries.map(([name, { values, pandas }]) => [
        name,
        values
          .slice(from, to)
          .map(value => (frame && value === null && pandas.startsWith('float') ? 'nan' : plain(value)))
      ])
    ),
    rows,
    ...(frame ? { index: Array.from({ length: rows }, (_, row) => row) } : {})
  }
}
