import { makeData, RecordBatch, Struct, Type } from 'apache-arrow'
import type { Schema, TypeMap } from 'apache-arrow'
import { VineyardError } from '../errors.js'
import { bitmapBytes } from '../objects/arrow/bitmap.js'
import { storageOf } from '../objects/arrow/primitive-types.js'
import { argumentError, isInteger } from '../options.js'

const alignment = 64
const isRowCount = isInteger(1, 2 ** 31 - 1)

/** A batch of rows without nulls, whose columns lie side by side in memory from `allocate`. */
export async function emptyBatch<T extends TypeMap>(
  schema: Schema<T>,
  rows: number,
  allocate: (size: number) => Promise<Buffer>
): Promise<RecordBatch<T>> {
  if (!Array.isArray((schema as Schema | null | undefined)?.fields))
    throw argumentError('ERR_INVALID_ARG_TYPE', 'The "schema" argument must be a Schema of apache-arrow')
  isRowCount(rows, '"rows" argument')
  let size = 0
  const columns = schema.fields.map(({ name, type }) => {
    const width = type.typeId === Type.Bool ? 0 : storageOf(type)?.width
    if (width === undefined) {
      throw new VineyardError(
        'ERR_VINEYARD_TYPE',
        `column ${name} of type ${String(type)} cannot be filled in place`
      )
    }
    const at = size
    const bytes = width === 0 ? bitmapBytes(rows) : rows * width
    size += Math.ceil(bytes / alignment) * alignment
    return { type, at, bytes }
  })
  const { buffer } = await allocate(Math.max(size, 1))
  const children = columns.map(({ type, at, bytes }) => {
    const Values = type.typeId === Type.Bool ? Uint8Array : (type.ArrayType as unknown as typeof Uint8Array)
    const data = new Values(buffer, at, bytes / Values.BYTES_PER_ELEMENT)
    return makeData({ type, length: rows, nullCount: 0, data } as never)
  })
  const struct = new Struct<T>(schema.fields)
  return new RecordBatch<T>(schema, makeData({ type: struct, length: rows, nullCount: 0, children }))
}
