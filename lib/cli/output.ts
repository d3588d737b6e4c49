import type { Writable } from 'node:stream'
import { DataType, Type, util, type RecordBatch, type Schema } from 'apache-arrow'
import { stringify } from 'csv-stringify/sync'
import { ipcBatch } from '../objects/arrow/ipc-batch.js'
import { RowBatch } from '../objects/arrow/row-batch.js'
import { stringifyJson } from '../protocol/json.js'
import { PieceWriter } from '../streams/ipc-draft.js'
import { write } from './host.js'
import { writeParquet } from './parquet.js'
import { TableLayout } from './text.js'
import { cellReader, type Plain } from './values.js'

export const outputFormats = ['table', 'csv', 'ndjson', 'arrow', 'parquet'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** Formats of files that are made of record batches only. */
export function isFileFormat(format: OutputFormat): boolean {
  return format === 'arrow' || format === 'parquet'
}

/** How record batches are written. Each is out, or copied, and may be released when `batch` has resolved. */
export interface BatchOutput {
  batch(batch: RecordBatch): Promise<void>
  /** Rejects where there was no batch and a file cannot be without columns. */
  end(): Promise<void>
}

const outputs: Record<OutputFormat, (target: Writable) => BatchOutput> = {
  table: tableOutput,
  csv: csvOutput,
  ndjson: ndjsonOutput,
  arrow: arrowOutput,
  parquet: parquetOutput
}

export function openOutput(format: OutputFormat, target: Writable): BatchOutput {
  return outputs[format](target)
}

/** The heading comes once, and again where the columns are others. */
function tableOutput(target: Writable): BatchOutput {
  let schema: Schema | undefined
  let layout: TableLayout
  return {
    async batch(batch) {
      const rows = rowsOf(batch).map(row => row.map(cellText))
      if (schema !== undefined && sameNames(schema, batch.schema)) {
        await write(target, layout.lines(rows))
        return
      }
      ;({ schema } = batch)
      layout = new TableLayout(namesOf(batch.schema))
      const body = layout.lines(rows)
      await write(target, `${layout.heading}\n${body}`)
    },
    end: async () => {}
  }
}

function csvOutput(target: Writable): BatchOutput {
  let schema: Schema | undefined
  return {
    async batch(batch) {
      const rows: string[][] = rowsOf(batch).map(row => row.map(csvText))
      if (schema === undefined) rows.unshift(namesOf(batch.schema))
      else if (!sameNames(schema, batch.schema)) throw otherColumns('csv')
      schema ??= batch.schema
      await write(target, stringify(rows))
    },
    end: async () => {}
  }
}

function ndjsonOutput(target: Writable): BatchOutput {
  return {
    async batch(batch) {
      const names = namesOf(batch.schema)
      const line = (row: readonly Plain[]): string =>
        `${stringifyJson(Object.fromEntries(names.map((name, index) => [name, row[index] as Plain])))}\n`
      await write(target, rowsOf(batch).map(line).join(''))
    },
    end: async () => {}
  }
}

function arrowOutput(target: Writable): BatchOutput {
  const writer = new PieceWriter()
  const out = async (): Promise<void> => {
    for (const piece of writer.pieces.splice(0)) await write(target, piece)
  }
  let schema: Schema | undefined
  return {
    async batch(batch) {
      const own = sameColumns(ipcBatch(batch), schema, 'arrow')
      schema ??= own.schema
      writer.write(own)
      await out()
    },
    async end() {
      if (schema === undefined) throw noColumns('arrow')
      writer.finish()
      await out()
    }
  }
}

/** A parquet file has its index at its end and is made as a whole, of copies. */
function parquetOutput(target: Writable): BatchOutput {
  const batches: RecordBatch[] = []
  return {
    async batch(batch) {
      batches.push(sameColumns(ipcBatch(batch), batches[0]?.schema, 'parquet'))
    },
    async end() {
      if (batches.length === 0) throw noColumns('parquet')
      await write(target, await writeParquet(batches))
    }
  }
}

/**
 * A batch with the schema of the first one, of whose columns it must have the same: the libraries would end the file without a word.
 * Each chunk has a dictionary of its own, and a type that differs by its number only.
 */
function sameColumns(batch: RecordBatch, schema: Schema | undefined, format: OutputFormat): RecordBatch {
  if (schema === undefined) return batch
  const columns = batch.data.children.map((data, at) => {
    const [field, other] = [schema.fields[at], batch.schema.fields[at]] as const
    const same = field !== undefined && field.name === other?.name && field.nullable === other.nullable
    if (!same || !sameType(data.type, field.type)) throw otherColumns(format)
    return data.type.typeId === Type.Dictionary ? data.clone(field.type) : data
  })
  if (columns.length !== schema.fields.length) throw otherColumns(format)
  return new RowBatch(schema, schema.fields, columns, batch.numRows, undefined)
}

function sameType(one: DataType, other: DataType): boolean {
  if (!DataType.isDictionary(one) || !DataType.isDictionary(other)) return util.compareTypes(one, other)
  return util.compareTypes(one.indices, other.indices) && util.compareTypes(one.dictionary, other.dictionary)
}

function otherColumns(format: OutputFormat): Error {
  return new Error(`a chunk has other columns than those before it, which ${format} has no form for`)
}

function noColumns(format: OutputFormat): Error {
  return new Error(`there was no chunk, so that nobody knows the columns of the ${format} file`)
}

function namesOf(schema: Schema): string[] {
  return schema.fields.map(field => field.name)
}

function sameNames(one: Schema, other: Schema): boolean {
  const names = namesOf(other)
  return one.fields.length === names.length && one.fields.every(({ name }, at) => name === names[at])
}

function rowsOf(batch: RecordBatch): Plain[][] {
  const columns = batch.data.children.map(cellReader)
  return Array.from({ length: batch.numRows }, (_, row) => columns.map(read => read(row)))
}

function cellText(value: Plain): string {
  if (value === null) return '–'
  return typeof value === 'string' ? value : stringifyJson(value)
}

function csvText(value: Plain): string {
  return value === null ? '' : cellText(value)
}
