import { createReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command, Option } from 'commander'
import type { RecordBatch } from 'apache-arrow'
import type { Client } from '../client/client.js'
import { VineyardError } from '../errors.js'
import { ByteStream } from '../streams/byte-stream.js'
import { DataframeStream } from '../streams/dataframe-stream.js'
import { RecordBatchStream } from '../streams/recordbatch-stream.js'
import { readCount } from './arguments.js'
import { withClient, withServer, type ServerOptions } from './context.js'
import { failureLine, UsageError } from './exit.js'
import { findObject } from './find.js'
import { write, type Host } from './host.js'
import { formatOf, inputFormats, readBatches, type InputFormat } from './input.js'
import { Progress } from './progress.js'

const types = { recordbatch: RecordBatchStream, dataframe: DataframeStream }

interface PipeOptions extends ServerOptions {
  name?: string
  force?: boolean
  to?: string
  format?: InputFormat
  type: keyof typeof types
  rows: number
  strings?: boolean
}

/** `pipe`: a file or the standard input into a stream. */
export function pipeCommand(host: Host): Command {
  return withServer(new Command('pipe'))
    .description('send a file, or the standard input, into a stream; prints the id of the stream')
    .argument('<file>', 'the file, or - for the standard input')
    .addOption(
      new Option('-f, --format <format>', 'of the file; by its name unless given').choices(inputFormats)
    )
    .option('-n, --name <name>', 'give the new stream a name')
    .option('--force', 'take the name from whatever has it')
    .addOption(new Option('--to <id or name>', 'into a stream that exists').conflicts(['name', 'type']))
    .addOption(
      new Option('-t, --type <type>', 'of a new stream').choices(Object.keys(types)).default('recordbatch')
    )
    .option('--rows <count>', 'rows in a chunk, of csv and ndjson', readCount, 10_000)
    .option('--strings', 'read all columns of csv and ndjson as text')
    .addHelpText(
      'after',
      '\nIt ends when the store has everything; while the window is full it waits for a consumer. If it fails, the stream\n' +
        'that it has made is dropped. The first chunk of csv and ndjson decides the types of the columns.\n\nExamples:\n' +
        '  $ vineyard-streams pipe prices.csv --name prices\n' +
        '  $ zcat log.ndjson.gz | vineyard-streams pipe - --format ndjson --name log\n' +
        '  $ vineyard-streams pipe model.bin --format bytes --name model'
    )
    .action(async (file: string, options: PipeOptions) => {
      const format = options.format ?? formatOf(file)
      if (format === undefined)
        throw new UsageError(`--format is needed: the name '${file}' does not tell it`)
      await withClient(host, options, (client, signal) => pipe(client, file, format, options, host, signal))
    })
}

async function pipe(
  client: Client,
  file: string,
  format: InputFormat,
  options: PipeOptions,
  host: Host,
  signal: AbortSignal
): Promise<void> {
  // A file that is not there must not leave a stream behind.
  const size = file === '-' ? 0 : statSync(file).size
  const stream = await openTarget(client, format, options)
  try {
    await announce(host, stream)
    const progress = new Progress(file === '-' ? 'stdin' : basename(file), size, host)
    try {
      const source = file === '-' ? host.stdin : createReadStream(file)
      await pump(source, progress, stream, format, options, signal)
    } finally {
      progress.finish()
    }
  } catch (error) {
    // Half of a file is of no use, and its name would be taken. Whoever reads fails; a stream of others has failed by now.
    if (options.to === undefined) await drop(stream, host)
    throw error
  }
}

async function drop(stream: Target, { stderr }: Host): Promise<void> {
  await stream.drop().catch(async (error: Error) => {
    await write(stderr, failureLine(`the stream ${stream.id} could not be dropped: ${error.message}`))
  })
}

/** Without its id a stream without a name could not be read: that nobody reads the output is a failure here. */
async function announce({ stdout }: Host, { id }: Target): Promise<void> {
  await write(stdout, `${id}\n`).catch((cause: Error) => {
    throw new Error(`the id of the stream cannot be printed: ${cause.message}`, { cause })
  })
}

async function pump(
  source: NodeJS.ReadableStream,
  progress: Progress,
  stream: Target,
  format: InputFormat,
  { rows, strings = false }: PipeOptions,
  signal: AbortSignal
): Promise<void> {
  const writable: Writable = stream.createWriteStream()
  try {
    if (format === 'bytes') {
      await pipeline(source, progress, writable, { signal })
      return
    }
    const batches = (input: Progress): AsyncIterable<RecordBatch> =>
      readBatches(input, format, { rows, strings })
    await pipeline(source, progress, input => batches(input), writable, { signal })
  } finally {
    // The stream may be dropped when its writer has gone.
    if (!writable.closed) await new Promise(resolve => writable.once('close', resolve))
  }
}

type Target = ByteStream | RecordBatchStream | DataframeStream

async function openTarget(client: Client, format: InputFormat, options: PipeOptions): Promise<Target> {
  const { name, force = false, to, type } = options
  if (to !== undefined) return openExisting(client, format, to)
  if (name !== undefined && !force) await refuseTaken(client, name)
  const created = format === 'bytes' ? ByteStream : types[type]
  return created.create(client, name === undefined ? {} : { name })
}

async function openExisting(client: Client, format: InputFormat, to: string): Promise<Target> {
  const value: unknown = await client.get(await findObject(client, to))
  const fits = format === 'bytes' ? [ByteStream] : Object.values(types)
  if (fits.some(type => value instanceof type)) return value as Target
  throw new VineyardError('ERR_VINEYARD_TYPE', `${to} is not a stream that ${format} can be written to`)
}

/** A server lets names be moved, and whoever waits for the old stream by its name would not know. */
async function refuseTaken(client: Client, name: string): Promise<void> {
  let id
  try {
    id = await client.getName(name)
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_VINEYARD_NOT_FOUND') return
    throw error
  }
  throw new VineyardError('ERR_VINEYARD_EXISTS', `${id} has the name ${name}: drop it, or take the name with --force`) // prettier-ignore
}
