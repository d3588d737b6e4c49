import { Command, Option } from 'commander'
import { RecordBatch, Table } from 'apache-arrow'
import type { Client } from '../client/client.js'
import { VineyardError } from '../errors.js'
import { release } from '../memory/lease.js'
import { stringifyJson } from '../protocol/json.js'
import { ByteStream } from '../streams/byte-stream.js'
import { VineyardStream } from '../streams/stream.js'
import { StreamGroup } from '../streams/stream-group.js'
import { readCount } from './arguments.js'
import { withClient, withServer, type ServerOptions } from './context.js'
import { findObject } from './find.js'
import { write, type Host } from './host.js'
import { isFileFormat, openOutput, outputFormats, type OutputFormat } from './output.js'
import { plainValue } from './values.js'

interface CatOptions extends ServerOptions {
  format: OutputFormat
  limit?: number
  wait?: true
}

/** `cat`: a stream or an object as text or as a file. */
export function catCommand(host: Host): Command {
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
      '\nByte streams and blobs are written as they are, other objects as JSON; arrow and parquet are for record batches only.\n' +
        'parquet needs the package parquet-wasm.\n\nExamples:\n' +
        '  $ vineyard-streams cat prices\n' +
        '  $ vineyard-streams cat prices --wait --format csv > prices.csv\n' +
        '  $ vineyard-streams cat prices --format ndjson | jq .price'
    )
    .action((name: string, options: CatOptions) =>
      withClient(host, options, (client, signal) => cat(client, name, options, host, signal))
    )
}

async function cat(
  client: Client,
  name: string,
  options: CatOptions,
  { stdout }: Host,
  signal: AbortSignal
): Promise<void> {
  const { format } = options
  const id = await findObject(client, name, options.wait ? signal : undefined)
  const value: unknown = await client.get(id, { zeroCopy: false, signal })
  if (value instanceof ByteStream) refuseFile(format, name)
  if (!(value instanceof VineyardStream || value instanceof StreamGroup)) {
    await writeValues(value instanceof Table ? value.batches : [value], name, options, stdout)
    return
  }
  // What is made as a whole at its end must not stand for memory of the store until then.
  const chunks = value.createReadStream({ signal, copy: format === 'parquet' }) as AsyncIterable<unknown>
  try {
    if (value instanceof ByteStream) for await (const chunk of chunks) await write(stdout, chunk as Buffer)
    else await writeValues(chunks, name, options, stdout)
  } catch (error) {
    throw await explained(error, client, value)
  }
}

async function writeValues(
  values: AsyncIterable<unknown> | readonly unknown[],
  name: string,
  { format, limit = Infinity }: CatOptions,
  stdout: Host['stdout']
): Promise<void> {
  const output = openOutput(format, stdout)
  let left = limit
  for await (const value of values) {
    if (value instanceof RecordBatch) {
      const rows = Math.min(left, value.numRows)
      await output.batch(rows < value.numRows ? value.slice(0, rows) : value)
      left -= rows
    } else {
      refuseFile(format, name)
      const bytes = value instanceof Uint8Array && !('shape' in value)
      await write(stdout, bytes ? value : `${stringifyJson(plainValue(value))}\n`)
    }
    release(value)
    if (left <= 0) break
  }
  await output.end()
}

function refuseFile(format: OutputFormat, name: string): void {
  if (isFileFormat(format))
    throw new Error(`${name} is not of record batches: it cannot be written as ${format}`)
}

/** A stream that was read to its end leaves its object, and with it its name: to say that it is not there would confuse. */
async function explained(error: unknown, client: Client, { id }: { id: string }): Promise<unknown> {
  const { code } = error as { code?: string }
  if (code !== 'ERR_VINEYARD_NOT_FOUND' || !(await client.exists(id as never).catch(() => false)))
    return error
  return new VineyardError('ERR_VINEYARD_STREAM_DRAINED', `the stream ${id} has ended: it was read, and only its name is left`, { cause: error }) // prettier-ignore
}
