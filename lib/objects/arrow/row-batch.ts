import { Data, RecordBatch, Schema, Struct } from 'apache-arrow'
import type { DataType, TypeMap, Field } from 'apache-arrow'
import type { LeaseHandle } from '../../memory/lease.js'
import { LeasedData, makeColumn } from './leased-data.js'

const noFields = new Schema([])
const noRows = new Data(new Struct([]), 0, 0, 0, [] as never)

/**
 * A RecordBatch whose columns are exactly those it was made from. The constructor of RecordBatch would copy
 * the rows' structure out of leased memory (a released batch would still count its rows) and mixes up the
 * types of columns that have the same name.
 */
export class RowBatch<T extends TypeMap = TypeMap> extends RecordBatch<T> {
  /** All columns have `length` rows. `fields` may be those of `schema`. */
  constructor(
    schema: Schema,
    fields: readonly Field[],
    columns: readonly Data[],
    length: number,
    handle: LeaseHandle | undefined
  ) {
    super(noFields, noRows as never)
    const sameFields =
      fields === schema.fields || fields.every((field, i) => field.type === schema.fields[i]?.type)
    const own = sameFields ? schema : new Schema([...fields], schema.metadata)
    const type = new Struct(own.fields)
    const data = makeColumn(handle, { type, length, nullCount: 0, buffers: [], children: [...columns] })
    Object.assign(this, { schema: own, data })
  }

  override slice(begin?: number, end?: number): RecordBatch<T> {
    const { numRows } = this
    const first = clamp(begin ?? 0, numRows)
    const length = Math.max(clamp(end ?? numRows, numRows) - first, 0)
    return derive(
      this,
      this.schema.fields,
      this.data.children.map(child => child.slice(first, length)),
      length
    ) as RecordBatch<T>
  }

  override select<K extends keyof T = keyof T>(columnNames: K[]): RecordBatch<{ [P in K]: T[P] }> {
    const names = this.schema.fields.map(field => field.name)
    const indices = columnNames.map(name => names.indexOf(name as string)).filter(i => i >= 0)
    return this.selectAt(indices) as never
  }

  override selectAt<K extends T = T>(columnIndices: number[]): RecordBatch<K> {
    const indices = columnIndices.filter(i => i in this.schema.fields)
    return derive(
      this,
      indices.map(i => this.schema.fields[i] as Field),
      indices.map(i => this.data.children[i] as Data),
      this.numRows
    ) as RecordBatch<K>
  }
}

/** `batch` with the metadata of `source`, as a message has them; batches of older versions of apache-arrow have none. */
export function withMetadata(batch: RowBatch, source: RecordBatch): RowBatch {
  const metadata = source.metadata as ReadonlyMap<string, string> | undefined
  return metadata === undefined || metadata.size === 0
    ? batch
    : Object.assign(batch, { _metadata: new Map(metadata) })
}

/** Some columns of a batch, or some rows, under the same handle. */
function derive(
  batch: RecordBatch,
  fields: readonly Field[],
  columns: readonly Data<DataType>[],
  length: number
): RecordBatch {
  const handle = batch.data instanceof LeasedData ? batch.data.handle : undefined
  const schema =
    fields === batch.schema.fields ? batch.schema : new Schema([...fields], batch.schema.metadata)
  return new RowBatch(schema, schema.fields, columns, length, handle)
}

/** As `Array.prototype.slice` reads its arguments. */
function clamp(index: number, length: number): number {
  return index < 0 ? Math.max(length + index, 0) : Math.min(index, length)
}
