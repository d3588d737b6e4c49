import type { Data, DataType, Field, RecordBatch } from 'apache-arrow'
import { VineyardError } from '../../errors.js'
import { attachLease } from '../../memory/lease.js'
import { count, metadataError, numberedMembers, optional } from '../fields.js'
import { ObjectDraft } from '../model.js'
import type { Draft, Metadata, ObjectType, ReadContext } from '../model.js'
import { OpaqueObject } from '../opaque.js'
import { located } from '../unsupported.js'
import { castColumn } from './cast.js'
import { readColumn } from './columns.js'
import { describeColumn } from './describe-column.js'
import { columnName } from './field-names.js'
import { opaqueIfPickled } from './opaque-column.js'
import { isRecordBatch } from './recognise.js'
import { RowBatch } from './row-batch.js'
import { describeSchema, readSchema } from './schema-proxy.js'

/** vineyard::RecordBatch: an Arrow schema and a column of its own for each field. */
export const recordBatch: ObjectType = {
  typenames: ['vineyard::RecordBatch'],

  read(meta, context) {
    // The stream's name begins with that of the batch.
    if (meta.typename.startsWith('vineyard::RecordBatchStream')) {
      return new OpaqueObject(meta, 'a stream is opened, not read', context)
    }
    return opaqueIfPickled(meta, context, () => {
      const batch = readBatch(meta, context)
      return context.handle === undefined ? batch : attachLease(batch, context.handle)
    })
  },

  accepts: isRecordBatch,

  describe(value) {
    const batch = value as RecordBatch
    return describeBatch(batch, describeSchema(batch.schema, columnTypes(batch)))
  }
}

/** The batch, under the handle of the context. Throws NotAColumn where a column is pickled. */
export function readBatch(meta: Metadata, context: ReadContext): RowBatch {
  const schema = readSchema(context.member(meta, 'schema_'), context)
  const members = numberedMembers(meta, '__columns_-', count(meta, '__columns_-size'))
  if (members.length !== schema.fields.length) {
    throw metadataError(meta, `${members.length} columns, but ${schema.fields.length} fields in the schema`)
  }
  const fields: Field[] = []
  const columns = members.map((member, i) => {
    const field = schema.fields[i] as Field
    const column = castColumn(member, readColumn(member, context), field.type)
    fields.push(column.type === field.type ? field : field.clone({ type: column.type }))
    return column
  })
  return new RowBatch(schema, fields, columns, rowsOf(meta, columns), context.handle)
}

/** Rows, which `row_num_` says where there is no column. Python's reader ignores it, so it may be missing. */
function rowsOf(meta: Metadata, columns: readonly Data[]): number {
  const declared = optional(meta, 'row_num_') === undefined ? undefined : count(meta, 'row_num_')
  const rows = columns[0]?.length ?? declared ?? 0
  if (columns.some(column => column.length !== rows) || (declared ?? rows) !== rows) {
    throw metadataError(meta, 'columns of unequal length')
  }
  return rows
}

/** The types of the columns themselves, which a schema with equal names can have wrong. */
export function columnTypes(batch: RecordBatch): DataType[] {
  return columnsOf(batch).map(column => column.type)
}

export function describeBatch(batch: RecordBatch, schema: Draft): ObjectDraft {
  const members: Record<string, Draft> = { schema_: schema }
  const rows = batch.numRows
  const columns = columnsOf(batch)
  columns.forEach((column, i) => {
    members[`__columns_-${i}`] = located(columnName(batch.schema, i), () => describeColumn(column))
  })
  const nbytes = Object.values(members).reduce((sum, member) => sum + nbytesOf(member), 0)
  return new ObjectDraft(
    'vineyard::RecordBatch',
    { row_num_: rows, column_num_: columns.length, '__columns_-size': columns.length, nbytes },
    members
  )
}

/** The columns of a batch; refuses a batch that is not one (fields without data, rows missing). */
export function columnsOf(batch: RecordBatch): readonly Data[] {
  const columns = batch.data.children as readonly Data[]
  const { fields } = batch.schema
  if (columns.length !== fields.length) {
    throw new VineyardError(
      'ERR_VINEYARD_TYPE',
      `a RecordBatch with ${fields.length} fields and ${columns.length} columns cannot be stored: apache-arrow's` +
        ' select() keeps data that does not match its fields. Take selectAt(), with the indices of the columns'
    )
  }
  const short = columns.findIndex(column => column?.length !== batch.numRows)
  if (short >= 0) {
    throw new VineyardError(
      'ERR_VINEYARD_TYPE',
      `column ${columnName(batch.schema, short)} has no data for the ${batch.numRows} rows of its RecordBatch`
    )
  }
  return columns
}

function nbytesOf(draft: Draft): number {
  return draft instanceof ObjectDraft && draft.typename !== 'vineyard::SchemaProxy'
    ? Number(draft.fields['nbytes'] ?? 0)
    : 0
}
