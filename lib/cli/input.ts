import type { Readable } from 'node:stream'
import { createInterface } from 'node:readline'
import { RecordBatchReader, type RecordBatch } from 'apache-arrow'
import { parse } from 'csv-parse'
import { readParquet } from './parquet.js'
import { RowBatcher, type Row } from './rows.js'

export const inputFormats = ['csv', 'ndjson', 'arrow', 'parquet', 'bytes'] as const
export type InputFormat = (typeof inputFormats)[number]

/** The format that a file's name tells. */
export function formatOf(path: string): InputFormat | undefined {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase()
  if (extension === 'jsonl') return 'ndjson'
  if (extension === 'feather' || extension === 'arrows' || extension === 'ipc') return 'arrow'
  return inputFormats.find(format => format === extension)
}

/** The record batches of a file or a pipe, as they are asked for. */
export async function* readBatches(
  source: Readable,
  format: Exclude<InputFormat, 'bytes'>,
  options: { rows: number; strings: boolean }
): AsyncGenerator<RecordBatch> {
  if (format === 'arrow') {
    const reader = await RecordBatchReader.from(source)
    yield* reader as AsyncIterable<RecordBatch>
  } else if (format === 'parquet') {
    yield* await readParquet(Buffer.concat((await source.toArray()) as Buffer[]))
  } else {
    const batcher = new RowBatcher(format === 'csv' && !options.strings)
    let gathered: Row[] = []
    for await (const row of rowsOf(source, format)) {
      gathered.push(options.strings ? textRow(row) : row)
      if (gathered.length < options.rows) continue
      yield batcher.batch(gathered)
      gathered = []
    }
    if (gathered.length > 0) yield batcher.batch(gathered)
  }
}

function textRow(row: Row): Row {
  const text = (value: unknown): unknown =>
    value === null || typeof value === 'string' ? value : JSON.stringify(value)
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, text(value)]))
}

async function* rowsOf(source: Readable, format: 'csv' | 'ndjson'): AsyncGenerator<Row> {
  if (format === 'csv') {
    // Its errors must reach the loop that reads the rows.
    const parser = parse({ columns: true, bom: true })
    source.on('error', error => parser.destroy(error)).pipe(parser)
    yield* parser as AsyncIterable<Row>
    return
  }
  let number = 0
  for await (const line of createInterface({ input: source, crlfDelay: Infinity })) {
    number += 1
    if (line.trim() === '') continue
    try {
      yield JSON.parse(line) as Row
    } catch (cause) {
      throw new Error(`line ${number} is not JSON`, { cause })
    }
  }
}
