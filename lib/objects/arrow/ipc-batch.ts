import type { RecordBatch } from 'apache-arrow'
import { located } from '../unsupported.js'
import { distinctDictionaries } from './dictionary-ids.js'
import { columnName } from './field-names.js'
import { ownData, ownSchema } from './own-types.js'
import { columnsOf } from './record-batch.js'
import { RowBatch, withMetadata } from './row-batch.js'

/**
 * A batch as apache-arrow's IPC writer has to get it: of our own copy of apache-arrow, with bitmaps that begin at bit 0, and
 * with the types of its columns in the schema, and a dictionary under each id. Memory of columns is kept where it can be. Throws ERR_VINEYARD_TYPE.
 */
export function ipcBatch(batch: RecordBatch): RecordBatch {
  const given = columnsOf(batch).map((column, i) =>
    located(columnName(batch.schema, i), () => ownData(column))
  )
  const columns = distinctDictionaries(given, i => columnName(batch.schema, i))
  const types = columns.map(({ type }) => type)
  const schema = ownSchema(batch.schema, types)
  return withMetadata(new RowBatch(schema, schema.fields, columns, batch.numRows, undefined), batch)
}
