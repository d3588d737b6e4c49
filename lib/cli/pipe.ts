import { createReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { RecordBatch } from 'apache-arrow'
import type { Client } from '../client/client.js'
import { ByteStream } from '../streams/byte-stream.js'
import { DataframeStream } from '../streams/dataframe-stream.js'
import { RecordBatchStream } from '../streams/recordbatch-stream.js'
import { withClient, withServer, type ServerOptions } from './context.js'
import { formatOf, inputFormats, readBatches, type InputFormat } from './input.js'
import { Progress } from './progress.js'

const types = { recordbatch: RecordBatchStream, dataframe: DataframeStream }

interface PipeOptions extends ServerOptions {
  name?: string
  to?: string
  format?: InputFormat
  type: keyof typeof types
  rows: number
  strings?: true
}

/** `pipe`: a file or the standard input into a stream. */
export function pipeCommand(): Command {
  return withServer(new Command('pipe'))
    .description('send a file, or the standard input, into a stream; prints the id of the stream')
    .argument('<file>', 'the file, or - for the standard input')
    .addOption(
      new Option('-f, --format <format>', 'of the file; by its name unless given').choices(inputFormats)
    )
    .option('-n, --name <name>', 'give the new stream a name')
    .option('--to <id or name>', 'into a stream that exists')
    .addOption(
      new Option('-t, --type <type>', 'of a new stream').choices(Object.keys(types)).default('recordbatch')
    )
    .option('--rows <count>', 'rows in a chunk, of csv and ndjson', readCount, 10_000)
    .option('--strings', 'read all columns of csv and ndjson as text')
    .addHelpText(
      'after',
      '\nIt ends when the store has everything; while the window is full it waits for a consumer.\n\nExamples:\n' +
        '  $ vineyard-streams pipe prices.csv --name prices\n' +
        '  $ zcat log.ndjson.gz | vineyard-streams pipe - --format ndjson --name log\n' +
        '  $ vineyard-streams pipe model.bin --format bytes --name model'
    )
    .action((file: string, options: PipeOptions) =>
      withClient(options, async (client, signal) => {
        const format = options.format ?? formatOf(file)
        if (format === undefined)
          throw new InvalidArgumentError(`--format is needed: the name '${file}' does not tell it`)
        await pipeFile(client, file, format, options, signal)
      })
    )
}

async function pipeFile(
  client: Client,
  file: string,
  format: InputFormat,
  options: PipeOptions,
  signal: AbortSignal
): Promise<void> {
  // A file that is not there must not leave a stream behind.
  const size = file === '-' ? 0 : statSync(file).size
  const source = file === '-' ? process.stdin : createReadStream(file)
  const stream = await openTarget(client, format, options)
  process.stdout.write(`${stream.id}\n`)
  const progress = new Progress(file === '-' ? 'stdin' : basename(file), size)
  try {
    if (stream instanceof ByteStream) {
      await pipeline(source, progress, stream.createWriteStream(), { signal })
      return
    }
    const writable = stream.createWriteStream()
    const rows = { rows: options.rows, strings: options.strings ?? false }
    const batches = (input: Progress): AsyncGenerator<RecordBatch> =>
      readBatches(input, format as Exclude<InputFormat, 'bytes'>, rows)
    await pipeline(source, progress, input => batches(input), writable, { signal })
  } finally {
    progress.finish()
  }
}

type Target = ByteStream | RecordBatchStream | DataframeStream

async function openTarget(client: Client, format: InputFormat, options: PipeOptions): Promise<Target> {
  const type = format === 'bytes' ? ByteStream : types[options.type]
  if (options.to !== undefined) return type.open(client, options.to)
  return type.create(client, options.name === undefined ? {} : { name: options.name })
}

function readCount(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number from 1.')
}
