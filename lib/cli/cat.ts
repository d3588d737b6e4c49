import { Command, InvalidArgumentError, Option } from 'commander'
import { RecordBatch, Table } from 'apache-arrow'
import { release } from '../memory/lease.js'
import { ByteStream } from '../streams/byte-stream.js'
import { VineyardStream } from '../streams/stream.js'
import { StreamGroup } from '../streams/stream-group.js'
import { withClient, withServer, type ServerOptions } from './context.js'
import { findObject } from './find.js'
import { openOutput, outputFormats, write, type OutputFormat } from './output.js'

interface CatOptions extends ServerOptions {
  format: OutputFormat
  limit?: number
  wait?: true
}

/** `cat`: a stream or an object as text or as a file. */
export function catCommand(): Command {
  return withServer(new Command('cat'))
    .description('print a stream or an object; reading a stream takes its chunks away')
    .argument('<id or name>', 'what to print')
    .addOption(
      new Option('-f, --format <format>', 'of record batches').choices(outputFormats).default('table')
    )
    .option('-n, --limit <rows>', 'stop after so many rows; the rest of a stream is lost', readCount)
    .option('-w, --wait', 'wait until somebody puts the name')
    .addHelpText(
      'after',
      '\nByte streams and blobs are written as they are. parquet needs the package parquet-wasm.\n\nExamples:\n' +
        '  $ vineyard-streams cat prices\n' +
        '  $ vineyard-streams cat prices --wait --format csv > prices.csv\n' +
        '  $ vineyard-streams cat prices --format ndjson | jq .price'
    )
    .action((name: string, options: CatOptions) =>
      withClient(options, async (client, signal) => {
        const id = await findObject(client, name, options.wait ? signal : undefined)
        const value: unknown = await client.get(id, { zeroCopy: false, signal })
        if (value instanceof VineyardStream || value instanceof StreamGroup) {
          const chunks = value.createReadStream({ signal, copy: options.format === 'parquet' || options.format === 'arrow' }) as AsyncIterable<unknown> // prettier-ignore
          await (value instanceof ByteStream ? writeAll(chunks) : writeBatches(chunks, options))
        } else {
          await writeBatches(value instanceof Table ? value.batches : [value], options)
        }
      })
    )
}

async function writeAll(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const chunk of chunks) await write(process.stdout, chunk as Buffer)
}

async function writeBatches(
  values: AsyncIterable<unknown> | readonly unknown[],
  { format, limit = Infinity }: CatOptions
): Promise<void> {
  const output = openOutput(format, process.stdout)
  let left = limit
  for await (const value of values) {
    if (value instanceof RecordBatch) {
      const rows = Math.min(left, value.numRows)
      await output.batch(rows < value.numRows ? value.slice(0, rows) : value)
      left -= rows
    } else if (value instanceof Uint8Array) {
      await write(process.stdout, value)
    } else {
      await write(process.stdout, `${JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part))}\n`) // prettier-ignore
    }
    release(value)
    if (left <= 0) break
  }
  await output.end()
}

function readCount(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number from 1.')
}
