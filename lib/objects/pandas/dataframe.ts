import { Field, Schema } from 'apache-arrow'
import type { Data, DataType, RecordBatch, Table } from 'apache-arrow'
import { VineyardError } from '../../errors.js'
import { attachLease } from '../../memory/lease.js'
import { NotAColumn } from '../arrow/column-type.js'
import { readColumn } from '../arrow/columns.js'
import { isRecordBatch, isTable } from '../arrow/recognise.js'
import { opaqueIfPickled } from '../arrow/opaque-column.js'
import { columnName } from '../arrow/field-names.js'
import { columnsOf } from '../arrow/record-batch.js'
import { isMember, jsonText, metadataError, numberedMembers, optional } from '../fields.js'
import { ObjectDraft } from '../model.js'
import type { Draft, Metadata, ObjectType, ReadContext } from '../model.js'
import { OpaqueObject } from '../opaque.js'
import { located } from '../unsupported.js'
import { DataFrameBatch } from './dataframe-batch.js'
import { Index } from './index-value.js'
import { describeIndex, describeRangeIndex, readIndex } from './index-type.js'
import { labelIn, nameOfLabel } from './labels.js'
import { describePandasColumn } from './pandas-column.js'
import { isSparse, readDense } from './sparse-array.js'

/**
 * vineyard::DataFrame: a pandas DataFrame, each column a tensor. Read as a batch of Arrow with `index` and
 * `labels`; made of a RecordBatch or a Table with `put(batch, { as: 'dataframe' })`.
 */
export const dataFrame: ObjectType & Required<Pick<ObjectType, 'accepts'>> = {
  typenames: ['vineyard::DataFrame'],

  read: (meta, context) =>
    opaqueIfPickled(meta, context, () => {
      const frame = readFrame(meta, context)
      return context.handle === undefined ? frame : attachLease(frame, context.handle)
    }),

  accepts: (value, { as }) => as === 'dataframe' && (isRecordBatch(value) || isTable(value)),

  describe: value => describeFrame(value as RecordBatch | Table)
}

function readFrame(meta: Metadata, context: ReadContext): DataFrameBatch {
  const columns = jsonText(meta, 'columns_')
  if (!Array.isArray(columns)) throw metadataError(meta, '"columns_" is not a list')
  const members = numberedMembers(meta, '__values_-value-', columns.length)
  const labels = members.map((_, i) => labelIn(meta, `__values_-key-${i}`))
  const indexMember = optional(meta, 'index_')
  const index = isMember(indexMember) ? readIndex(indexMember, context) : undefined
  const dense = members.map(member => (isSparse(member) ? undefined : readNamed(member, context)))
  const rows =
    dense.find(column => column !== undefined)?.length ??
    (index instanceof Index ? index.values.length : undefined)
  const data = members.map((member, i) => dense[i] ?? readDense(member, context, rows))
  const length = rows ?? data[0]?.length ?? 0
  const unequal = data.some(column => column.length !== length)
  if (unequal || (index instanceof Index && index.values.length !== length)) {
    throw metadataError(meta, 'columns of unequal length')
  }
  const fields = data.map(
    (column, i) => new Field(nameOfLabel(labels[i] ?? null), column.type, column.nullCount > 0)
  )
  return new DataFrameBatch(new Schema(fields), data, length, context.handle, { index, labels })
}

/** Column types that Python stores wrongly (only their first element) are no columns, and say so. */
function readNamed(member: Metadata, context: ReadContext): Data {
  if (typeof member.typename === 'string' && member.typename.startsWith('vineyard::Scalar')) {
    throw new NotAColumn(member, 'its writer (Python) stored the first element of the column only')
  }
  return readColumn(member, context)
}

function describeFrame(value: RecordBatch | Table): Draft {
  const batches: readonly RecordBatch[] = isTable(value) ? value.batches : [value]
  const { schema } = value
  const rows = batches.reduce((sum, batch) => sum + batch.numRows, 0)
  const chunks = batches.map(columnsOf)
  const labels = value instanceof DataFrameBatch ? value.labels : schema.fields.map(field => field.name)
  const members: Record<string, Draft> = { index_: describeRows(value, rows) }
  const fields: Record<string, string> = {}
  schema.fields.forEach((field, i) => {
    const column = chunks.map(columns => columns[i] as Data)
    members[`__values_-value-${i}`] = located(columnName(schema, i), () =>
      describePandasColumn(column, { type: field.type as DataType })
    )
    fields[`__values_-key-${i}`] = JSON.stringify(labels[i])
  })
  return new ObjectDraft(
    'vineyard::DataFrame',
    {
      columns_: JSON.stringify(labels),
      ...fields,
      '__values_-size': schema.fields.length,
      partition_index_row_: -1,
      partition_index_column_: -1,
      row_batch_index_: 0,
      nbytes: 0
    },
    members
  )
}

function describeRows(value: RecordBatch | Table, rows: number): Draft {
  const index = value instanceof DataFrameBatch ? value.index : undefined
  if (index === undefined) return describeRangeIndex(rows)
  if (index instanceof OpaqueObject) {
    throw new VineyardError('ERR_VINEYARD_TYPE', `index: ${index.reason}; it cannot be stored again`)
  }
  return describeIndex(index)
}
