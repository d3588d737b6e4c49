import { Table } from 'apache-arrow'
import type { RecordBatch, Schema } from 'apache-arrow'
import { VineyardError } from '../../errors.js'
import { count, metadataError, numberedMembers, optional } from '../fields.js'
import { ObjectDraft } from '../model.js'
import type { Draft, Metadata, ObjectType } from '../model.js'
import { OpaqueObject } from '../opaque.js'
import { Parts } from '../parts.js'
import { nullColumn } from './null-column.js'
import { ownSchema } from './own-types.js'
import { isTable } from './recognise.js'
import { columnTypes, describeBatch } from './record-batch.js'
import { RowBatch } from './row-batch.js'
import { describeSchema, readSchema } from './schema-proxy.js'

/** vineyard::Table: batches of one schema, each of which can be released by itself. */
export const table: ObjectType = {
  typenames: ['vineyard::Table'],

  read(meta, context, readPart) {
    const parts = new Parts(context, readPart)
    const batches = batchMembers(meta).map(member => parts.read(member))
    const opaque = batches.find(batch => batch instanceof OpaqueObject)
    if (opaque !== undefined) {
      parts.drop()
      return new OpaqueObject(meta, opaque.reason, context)
    }
    if (!batches.every(batch => batch instanceof RowBatch)) {
      parts.drop()
      throw metadataError(meta, 'a partition is not a RecordBatch')
    }
    const schema = batches[0]?.schema ?? readSchema(context.member(meta, 'schema_'), context)
    try {
      return parts.finish(new Table(schema, batches))
    } catch (cause) {
      parts.drop()
      throw metadataError(meta, 'the batches are not of one schema', cause)
    }
  },

  accepts: isTable,

  /**
   * A table without batches gets one without rows: Python cannot read a table that has none.
   */
  describe(value) {
    const { schema } = value as Table
    const stored = storedBatches(value as Table)
    const [first] = stored
    const types = first === undefined ? [] : columnTypes(first)
    const schemaDraft = describeSchema(schema, types)
    const members: Record<string, Draft> = { schema_: schemaDraft }
    stored.forEach((batch, i) => {
      if (columnTypes(batch).length !== types.length) {
        throw new VineyardError(
          'ERR_VINEYARD_TYPE',
          'a Table whose batches have different columns cannot be stored'
        )
      }
      members[`partitions_-${i}`] = describeBatch(batch, schemaDraft)
    })
    const rows = stored.reduce((sum, batch) => sum + batch.numRows, 0)
    const nbytes = Object.values(members).reduce(
      (sum, member) => sum + (member === schemaDraft ? 0 : Number((member as ObjectDraft).fields['nbytes'])),
      0
    )
    return new ObjectDraft(
      'vineyard::Table',
      {
        num_rows_: rows,
        num_columns_: schema.fields.length,
        batch_num_: stored.length,
        'partitions_-size': stored.length,
        nbytes
      },
      members
    )
  }
}

/** The batches of a table; one without rows where it has none, which nothing else would know the schema of. */
export function storedBatches({ schema, batches }: Table): readonly RecordBatch[] {
  return batches.length > 0 ? batches : [batchWithoutRows(schema)]
}

function batchWithoutRows(schema: Schema): RecordBatch {
  const own = ownSchema(schema, [])
  const columns = own.fields.map(({ type }) => nullColumn(type, 0))
  return new RowBatch(own, own.fields, columns, 0, undefined)
}

/** Batches are `partitions_-<i>`, in the C++ headers of older releases `__batches_-<i>`. */
function batchMembers(meta: Metadata): Metadata[] {
  const prefix = optional(meta, 'partitions_-0') === undefined ? '__batches_-' : 'partitions_-'
  return numberedMembers(meta, prefix, count(meta, 'batch_num_'))
}
