/** What the compiler must know of streams. Compiled with the tests and never run: a wrong type is a compile error. */
import type { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import type { Bool, Float64, Int64, RecordBatch, Table, Utf8, Vector } from 'apache-arrow'
import {
  ByteStream,
  connect,
  DataframeStream,
  ParallelStream,
  RecordBatchStream,
  Store,
  StreamCollection,
  tensor,
  type Client,
  type ObjectId,
  type StreamReader,
  type StreamWriter
} from 'vineyard-streams'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** `typeOf(value).is<Type>()` compiles only for exactly that type; `any` is no other type. */
declare function typeOf<Actual>(value: Actual): {
  is<Expected>(...no: Same<Actual, Expected> extends true ? [] : [expected: Expected, actual: Actual]): void
}

type Row = { a: Int64; b: Utf8 }
type Other = { c: Bool }

declare const row: RecordBatch<Row>
declare const table: Table<Row>
declare const other: RecordBatch<Other>
const client = await connect()

export async function recordBatches(): Promise<void> {
  const stream = await RecordBatchStream.create<Row>(client)
  typeOf(stream).is<RecordBatchStream<Row>>()
  typeOf(await RecordBatchStream.open<Row>(client, 'name')).is<RecordBatchStream<Row>>()
  typeOf(await client.get<RecordBatchStream<Row>>(stream.id)).is<RecordBatchStream<Row>>()
  const readable = stream.createReadStream({ copy: true })
  for await (const batch of readable) {
    typeOf(batch).is<RecordBatch<Row>>()
    typeOf(batch.getChild('a')).is<Vector<Int64> | null>()
    typeOf(batch.getChild('a')?.get(0)).is<bigint | null | undefined>()
    typeOf(batch.getChild('b')?.get(0)).is<string | null | undefined>()
    // @ts-expect-error there is no such column
    batch.getChild('c')
  }
  typeOf(readable.read()).is<RecordBatch<Row> | null>()
  typeOf(await readable.toArray()).is<RecordBatch<Row>[]>()
  for await (const batch of readable.iterator({ destroyOnReturn: false }))
    typeOf(batch).is<RecordBatch<Row>>()
  readable.on('data', batch => typeOf(batch).is<RecordBatch<Row>>()).on('end', () => {})
  readable.on('error', error => typeOf(error).is<Error>())
  const core: Readable = readable
  void core

  const writable = stream.createWriteStream({ as: 'dataframe', sameSchema: false })
  writable.write(row)
  writable.end(table)
  // @ts-expect-error a batch of other columns
  writable.write(other)
  // @ts-expect-error not a batch
  writable.write({ a: 1n, b: 'text' })
  // @ts-expect-error an option of byte streams
  stream.createWriteStream({ chunkSize: 1 })
  const coreWritable: Writable = writable
  void coreWritable
  await pipeline(readable, stream.createWriteStream())
  await pipeline(
    readable,
    async function* (batches) {
      for await (const batch of batches) {
        typeOf(batch).is<RecordBatch<Row>>()
        yield batch.slice(1)
      }
    },
    writable
  )
  await Promise.all([finished(readable), finished(writable)])
}

export async function lowerLevel(): Promise<void> {
  const stream = await RecordBatchStream.create<Row>(client)
  const reader = await stream.openReader()
  typeOf(reader).is<StreamReader<RecordBatch<Row>>>()
  const { done, value } = await reader.next()
  if (done !== true) typeOf(value).is<RecordBatch<Row>>()
  else typeOf(value).is<undefined>()
  for await (const batch of reader) typeOf(batch).is<RecordBatch<Row>>()
  typeOf(await reader.nextId()).is<ObjectId | undefined>()

  const writer = await stream.openWriter(client, { window: { chunks: 2 } })
  typeOf(writer).is<StreamWriter<RecordBatch<Row> | Table<Row>>>()
  typeOf(await writer.append(row)).is<ObjectId>()
  await writer.append(table)
  await writer.append(await client.put(other))
  await writer.append(await writer.allocate(10))
  // @ts-expect-error a batch of other columns
  await writer.append(other)
}

export async function withoutColumns(): Promise<void> {
  const stream = await RecordBatchStream.create(client)
  typeOf(stream).is<RecordBatchStream>()
  for await (const batch of stream.createReadStream()) {
    typeOf(batch).is<RecordBatch>()
    batch.getChild('whatever')
  }
  stream.createWriteStream().write(other)
  typeOf(await client.get(stream.id)).is<any>()
}

export async function dataframes(): Promise<void> {
  const stream = await DataframeStream.create<Row>(client)
  typeOf(await DataframeStream.open<Row>(client, stream.id)).is<DataframeStream<Row>>()
  for await (const batch of stream.createReadStream()) typeOf(batch).is<RecordBatch<Row>>()
  const writer = await stream.openWriter()
  await writer.append(table)
  // @ts-expect-error a batch of other columns
  await writer.append(other)
  // @ts-expect-error an option of record batch streams
  stream.createWriteStream({ as: 'dataframe' })
}

export async function bytes(): Promise<void> {
  const stream = await ByteStream.create(client)
  for await (const chunk of stream.createReadStream({ objectMode: true })) typeOf(chunk).is<Buffer>()
  for await (const chunk of await stream.openReader()) typeOf(chunk).is<Buffer>()
  typeOf(stream.createReadStream().read()).is<Buffer | null>()
  // After this what comes is text.
  typeOf(stream.createReadStream().setEncoding('utf8')).is<Readable>()
  const writable = stream.createWriteStream({ chunkSize: 1000 })
  writable.write('text', 'latin1')
  writable.write(Buffer.from('bytes'), () => {})
  writable.end('text')
  // @ts-expect-error not bytes
  writable.write(1)
  const writer = await stream.openWriter()
  await writer.append([new Uint8Array(1), Buffer.alloc(1)])
  // @ts-expect-error not bytes
  await writer.append(row)
}

export async function groups(): Promise<void> {
  const parallel = await ParallelStream.create<RecordBatchStream<Row>>(client, 4, RecordBatchStream)
  typeOf(parallel).is<ParallelStream<RecordBatchStream<Row>>>()
  typeOf(parallel.streams).is<readonly RecordBatchStream<Row>[]>()
  for await (const batch of parallel.createReadStream()) typeOf(batch).is<RecordBatch<Row>>()
  parallel.createWriteStream({ partition: { column: 'a' } }).write(row)
  parallel.createWriteStream({ partition: (batch: RecordBatch<Row>, members) => batch.numRows % members })
  // @ts-expect-error a batch of other columns
  parallel.createWriteStream().write(other)
  const opened = await ParallelStream.open<DataframeStream<Row>>(client, 'name')
  for await (const batch of opened.createReadStream()) typeOf(batch).is<RecordBatch<Row>>()

  const bytesOnly = await ParallelStream.create(client, 2, ByteStream)
  typeOf(bytesOnly.streams).is<readonly ByteStream[]>()
  const untyped = await ParallelStream.create(client, 2, RecordBatchStream)
  for await (const batch of untyped.createReadStream()) batch.getChild('whatever')
  for await (const batch of (await ParallelStream.open(client, 'name')).createReadStream())
    typeOf(batch).is<any>()

  const one = await RecordBatchStream.create<Row>(client)
  const two = await DataframeStream.create<{ x: Float64 }>(client)
  const collection = await StreamCollection.create(client, [one, two])
  for await (const batch of collection.createReadStream())
    typeOf(batch).is<RecordBatch<Row> | RecordBatch<{ x: Float64 }>>()
  const nested = await StreamCollection.create(client, [collection])
  for await (const chunk of nested.createReadStream()) typeOf(chunk).is<any>()
  const found = await StreamCollection.open<RecordBatchStream<Row>>(client, 'name')
  for await (const batch of found.createReadStream()) typeOf(batch).is<RecordBatch<Row>>()
  // @ts-expect-error not a stream
  await StreamCollection.create(client, [row])
}

/** What the README does first: columns that nobody has named. */
export async function groupsWithoutColumns(): Promise<void> {
  const batches = await ParallelStream.create(client, 4, RecordBatchStream)
  typeOf(batches).is<ParallelStream<RecordBatchStream>>()
  batches.createWriteStream({ partition: { column: 'a' } }).write(table)
  batches.createWriteStream().end(row)
  for (const stream of batches.streams) stream.createWriteStream().write(table)
  // @ts-expect-error not a batch
  batches.createWriteStream().write({ a: 1n })
  const frames = await ParallelStream.create(client, 4, DataframeStream)
  typeOf(frames).is<ParallelStream<DataframeStream>>()
  frames.createWriteStream().write(table)
  const each = await ParallelStream.create(client, { perInstance: true, type: DataframeStream })
  typeOf(each).is<ParallelStream<DataframeStream>>()
  each.createWriteStream().write(table)
  const byDefault = await ParallelStream.create(client, { perInstance: true })
  typeOf(byDefault).is<ParallelStream<RecordBatchStream>>()
  byDefault.createWriteStream().write(table)
  for await (const batch of batches.createReadStream()) batch.getChild('whatever')?.get(0)
  // Whatever creates a stream is a type of member.
  const named = await ParallelStream.create(client, 2, {
    create: (owner: Client) => RecordBatchStream.create<Row>(owner, { consumers: 2 })
  })
  typeOf(named).is<ParallelStream<RecordBatchStream<Row>>>()
}

declare const maybe: {
  text: string | undefined
  number: number | undefined
  signal: AbortSignal | undefined
  flag: boolean | undefined
}

/** With `exactOptionalPropertyTypes` an option that is passed on may be undefined only where its type says so. */
export async function optionsThatMayBeUndefined(): Promise<void> {
  const { text, number, signal, flag } = maybe
  const endpoint = { host: text, port: number }
  const store = await Store.start({
    socket: text,
    size: text,
    rpc: endpoint,
    metrics: endpoint,
    ui: { port: number },
    username: text,
    password: text,
    maxConnections: number,
    maxFrame: number
  })
  await store.close({ drain: number })
  const window = { chunks: number, bytes: number }
  const stream = await RecordBatchStream.create<Row>(client, { name: text })
  stream.createWriteStream({ signal, highWaterMark: number, window, sameSchema: flag, idleTimeout: number })
  const readable = stream.createReadStream({ signal, highWaterMark: number, copy: flag, idleTimeout: number })
  await readable.toArray({ signal })
  readable.iterator({ destroyOnReturn: flag })
  const writer = await stream.openWriter(client, { signal, window, idleTimeout: number })
  await writer.append(row, { signal })
  await writer.allocate(1, { signal })
  await writer.allocateBatch(row.schema, 1, { signal })
  const reader = await stream.openReader(client, { signal, copy: flag, idleTimeout: number })
  await reader.next({ signal })
  tensor([1], { dtype: text, shape: undefined, partitionIndex: undefined })
}
