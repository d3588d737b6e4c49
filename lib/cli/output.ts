import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { RecordBatchStreamWriter, type RecordBatch } from 'apache-arrow'
import { stringify } from 'csv-stringify/sync'
import { writeParquet } from './parquet.js'
import { tableText } from './text.js'

export const outputFormats = ['table', 'csv', 'ndjson', 'arrow', 'parquet'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** How record batches are written. Each is done with when `batch` has resolved. */
export interface BatchOutput {
  batch(batch: RecordBatch): Promise<void>
  end(): Promise<void>
}

export function openOutput(format: OutputFormat, target: Writable): BatchOutput {
  if (format === 'arrow') return arrowOutput(target)
  if (format === 'parquet') return parquetOutput(target)
  let first = true
  return {
    async batch(batch) {
      const names = batch.schema.fields.map(field => field.name)
      const rows = rowsOf(batch)
      if (format === 'ndjson') await write(target, rows.map(row => `${jsonRow(names, row)}\n`).join(''))
      else if (format === 'table')
        await write(
          target,
          tableText(
            names,
            rows.map(row => row.map(cellText))
          )
        )
      else await write(target, stringify([...(first ? [names] : []), ...rows.map(row => row.map(csvText))]))
      first = false
    },
    end: async () => {}
  }
}

/** Waits where whoever reads our output is slower. */
export async function write(target: Writable, data: string | Uint8Array): Promise<void> {
  if (data.length > 0 && !target.write(data)) await once(target, 'drain')
}

function arrowOutput(target: Writable): BatchOutput {
  const writer = new RecordBatchStreamWriter()
  const bytes = writer[Symbol.asyncIterator]()
  const pumping = (async () => {
    for await (const part of bytes) await write(target, part)
  })()
  return {
    async batch(batch) {
      // What is written must not be looked at after the chunk was released: the writer copies it out at once.
      writer.write(batch)
    },
    async end() {
      writer.finish()
      await pumping
    }
  }
}

/** A parquet file has its index at its end and is made as a whole, of copies. */
function parquetOutput(target: Writable): BatchOutput {
  const batches: RecordBatch[] = []
  return {
    async batch(batch) {
      batches.push(batch)
    },
    async end() {
      await write(target, await writeParquet(batches))
    }
  }
}

function rowsOf(batch: RecordBatch): unknown[][] {
  const columns = batch.schema.fields.map((_, index) => batch.getChildAt(index))
  return Array.from({ length: batch.numRows }, (_, row) => columns.map(column => column?.get(row) as unknown))
}

/** Integers beyond 2^53 and bytes are what JSON has no form for: texts. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : String(value)
  }
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}

function jsonRow(names: readonly string[], row: readonly unknown[]): string {
  return JSON.stringify(Object.fromEntries(names.map((name, index) => [name, row[index]])), plain)
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (typeof value === 'object' && !(value instanceof Date)) return JSON.stringify(value, plain)
  return String(value)
}

function csvText(value: unknown): string {
  return value === null || value === undefined ? '' : cellText(value)
}
