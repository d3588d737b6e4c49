import { Readable } from 'node:stream'
import { RecordBatch, RecordBatchReader, type Schema } from 'apache-arrow'
import { parse } from 'csv-parse'
import { parseJson, type JsonObject, type JsonValue } from '../protocol/json.js'
import { JsonColumns } from './json-columns.js'
import { readParquet } from './parquet.js'
import { TextColumns } from './text-columns.js'

export const inputFormats = ['csv', 'ndjson', 'arrow', 'parquet', 'bytes'] as const
export type InputFormat = (typeof inputFormats)[number]

/** The format that a file's name tells. */
export function formatOf(path: string): InputFormat | undefined {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase()
  if (extension === 'jsonl') return 'ndjson'
  if (extension === 'feather' || extension === 'arrows' || extension === 'ipc') return 'arrow'
  return inputFormats.find(format => format === extension)
}

interface RowOptions {
  /** Rows in a batch. */
  rows: number
  /** All columns are texts. */
  strings: boolean
}

/** The record batches of a file or a pipe, as they are asked for. */
export function readBatches(
  source: Readable,
  format: Exclude<InputFormat, 'bytes'>,
  options: RowOptions
): AsyncIterable<RecordBatch> {
  switch (format) {
    case 'arrow':
      return explained(readArrow(source), 'Arrow')
    case 'parquet':
      return explained(readParquet(source), 'parquet')
    case 'csv':
      return readCsv(source, options)
    case 'ndjson':
      return readNdjson(source, options)
  }
}

/** As of csv, columns without rows are a batch. */
async function* readArrow(source: Readable): AsyncGenerator<RecordBatch> {
  const reader = await RecordBatchReader.from(source as AsyncIterable<Uint8Array>)
  // It would forget the schema at its end.
  await reader.open({ autoDestroy: false })
  let batches = 0
  for await (const batch of reader as AsyncIterable<RecordBatch>) {
    batches += 1
    yield batch
  }
  const { schema } = reader as { schema: Schema | undefined }
  if (schema === undefined) throw new Error('there is nothing in it')
  if (batches === 0) yield new RecordBatch(schema)
}

/** What the libraries say of a file in their own words. */
async function* explained(batches: AsyncIterable<RecordBatch>, format: string): AsyncGenerator<RecordBatch> {
  try {
    yield* batches
  } catch (cause) {
    const { message } = cause as Error
    const advice = /codec|compress/i.test(message)
      ? ': write it without compression, as pyarrow.feather.write_feather(…, compression="uncompressed") does, or as parquet'
      : ''
    throw new Error(`it cannot be read as ${format}: ${message}${advice}`, { cause })
  }
}

/** Columns are there without rows too: then one batch tells of them. */
async function* readCsv(source: Readable, { rows, strings }: RowOptions): AsyncGenerator<RecordBatch> {
  const parser = parse({ bom: true })
  // Its errors must reach the loop that reads the rows.
  const text = Readable.from(textOf(source)).on('error', error => parser.destroy(error))
  let columns: TextColumns | undefined
  let gathered: string[][] = []
  let batches = 0
  for await (const row of text.pipe(parser) as AsyncIterable<string[]>) {
    if (columns === undefined) {
      columns = new TextColumns(distinct(row), !strings)
      continue
    }
    gathered.push(row)
    if (gathered.length < rows) continue
    yield columns.batch(gathered)
    batches += 1
    gathered = []
  }
  if (columns !== undefined && (gathered.length > 0 || batches === 0)) yield columns.batch(gathered)
}

function distinct(names: readonly string[]): readonly string[] {
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice === undefined) return names
  throw new Error(`there are two columns with the name "${twice}"`)
}

async function* readNdjson(source: Readable, { rows, strings }: RowOptions): AsyncGenerator<RecordBatch> {
  const columns = new JsonColumns(strings)
  let gathered: JsonObject[] = []
  let number = 0
  for await (const line of linesOf(source)) {
    number += 1
    if (line.trim() === '') continue
    gathered.push(objectOf(line, number))
    if (gathered.length < rows) continue
    yield columns.batch(gathered)
    gathered = []
  }
  if (gathered.length > 0) yield columns.batch(gathered)
}

function objectOf(line: string, number: number): JsonObject {
  let value
  try {
    value = parseJson(line)
  } catch (cause) {
    throw new Error(`line ${number} is not JSON: ${(cause as Error).message}`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`line ${number} is not an object`)
  if (isTooLarge(value)) throw new Error(`line ${number} has a number that is too large for a float64`)
  return value
}

/** JSON has no infinity: one is what JSON.parse made of a number beyond all float64. */
function isTooLarge(value: JsonValue): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(isTooLarge)
}

/** Lines, of which the last may lack its end. */
async function* linesOf(source: Readable): AsyncGenerator<string> {
  let begun: string[] = []
  for await (const text of textOf(source)) {
    const [first = '', ...others] = text.split('\n')
    begun.push(first)
    for (const next of others) {
      yield begun.join('')
      begun = [next]
    }
  }
  if (begun.length > 0) yield begun.join('')
}

/** UTF-8 as texts. What is something else would be changed, and is refused. */
async function* textOf(source: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) yield decoder.decode(chunk, { stream: true })
    yield decoder.decode()
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error
    throw new Error('the input is not UTF-8', { cause: error })
  }
}
