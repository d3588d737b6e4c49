import { Field, Schema, vectorFromArray, type Data, type DataType, type RecordBatch } from 'apache-arrow'
import { RowBatch } from '../objects/arrow/row-batch.js'

/** A column before it is one: its name, its type, and a value that fits it for each row. */
export interface ColumnDraft {
  name: string
  type: DataType
  values: readonly unknown[]
}

export function batchOf(columns: readonly ColumnDraft[], rows: number): RecordBatch {
  const schema = new Schema(columns.map(({ name, type }) => new Field(name, type, true)))
  const data = columns.map(({ type, values }) => vectorFromArray(values, type).data[0] as Data)
  return new RowBatch(schema, schema.fields, data, rows, undefined)
}

/** The first rows decide what a column is: a later value that would have to be changed is refused. */
export function misfit(name: string, type: DataType, value: string): Error {
  return new Error(
    `column "${name}" began as ${String(type)}, which ${value} is not; --strings reads every column as text`
  )
}
