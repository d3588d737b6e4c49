/** What each call does in each state. The test tries every cell, on both servers, and docs/states.md is made of this. */
import { finished } from 'node:stream/promises'
import {
  connect,
  ParallelStream,
  RecordBatchStream,
  StreamCollection,
  type Client,
  type StreamReader,
  type StreamWriter,
  type TypedReadable,
  type TypedWritable
} from 'vineyard-streams'
import { numberedBatch } from '../support/numbered.js'
import { everywhere, type Table } from '../support/outcome.js'

/** Two clients of a server, and a stream between them. */
export interface Scene {
  producer: Client
  consumer: Client
  out: RecordBatchStream
  into: RecordBatchStream
  /** An object and a name that the producer has put. */
  object: string
  name: string
}

const bytes = 4096
const batch = (): ReturnType<typeof numberedBatch> => numberedBatch(0, bytes)

export const readerStates = [
  'open',
  'waiting',
  'ended',
  'failed',
  'dropped',
  'closed',
  'client closed',
  'peer gone',
  'server gone'
] as const
type ReaderState = (typeof readerStates)[number]

const noMoreChunks = {
  failed: 'STREAM_FAILED',
  dropped: 'STREAM_FAILED',
  closed: 'CLOSED',
  'client closed': 'CLOSED',
  'peer gone': 'STREAM_FAILED',
  'server gone': 'CONNECTION_LOST'
}

export const readerTable: Table<ReaderState, StreamReader> = {
  'next()': [reader => reader.next(), { open: 'chunk', waiting: 'chunk', ended: 'done', ...noMoreChunks }],
  'nextId()': [reader => reader.nextId(), { open: 'id', waiting: 'id', ended: 'nothing', ...noMoreChunks }],
  'next() with an aborted signal': [
    reader => reader.next({ signal: AbortSignal.abort() }),
    everywhere(readerStates, 'ABORT_ERR')
  ],
  'for await': [
    async reader => {
      for await (const chunk of reader) return [chunk]
      return []
    },
    { open: '1 chunk', waiting: '1 chunk', ended: '0 chunks', ...noMoreChunks }
  ],
  'return()': [reader => reader.return(), everywhere(readerStates, 'done')],
  'close()': [reader => reader.close(), everywhere(readerStates, 'nothing')],
  '[Symbol.asyncDispose]()': [reader => reader[Symbol.asyncDispose](), everywhere(readerStates, 'nothing')]
}

export const writerStates = [
  'open',
  'waiting',
  'finished',
  'failed',
  'dropped',
  'closed',
  'client closed',
  'peer gone',
  'server gone'
] as const
type WriterState = (typeof writerStates)[number]

const afterTheEnd = {
  open: 'nothing',
  waiting: 'nothing',
  finished: 'CLOSED',
  failed: 'STREAM_FAILED',
  dropped: 'STREAM_FAILED',
  closed: 'CLOSED',
  'client closed': 'CLOSED',
  'peer gone': 'STREAM_FAILED',
  'server gone': 'CONNECTION_LOST'
}

export const writerTable: Table<WriterState, StreamWriter> = {
  'append()': [writer => writer.append(batch()), { ...afterTheEnd, open: 'id', waiting: 'id' }],
  'append() with an aborted signal': [
    writer => writer.append(batch(), { signal: AbortSignal.abort() }),
    everywhere(writerStates, 'ABORT_ERR')
  ],
  'append() of nonsense': [
    writer => writer.append(Symbol('nonsense')),
    {
      ...afterTheEnd,
      open: 'TYPE',
      waiting: 'TYPE',
      dropped: 'STREAM_FAILED | TYPE',
      'peer gone': 'STREAM_FAILED | TYPE'
    }
  ],
  'allocate()': [
    async writer => (await writer.allocate(bytes)) && 'memory',
    {
      ...afterTheEnd,
      open: 'id',
      waiting: 'id',
      dropped: 'STREAM_FAILED | id',
      'peer gone': 'STREAM_FAILED | id'
    }
  ],
  'allocateBatch()': [
    async writer => (await writer.allocateBatch(batch().schema, 8)) && 'memory',
    {
      ...afterTheEnd,
      open: 'id',
      waiting: 'id',
      dropped: 'STREAM_FAILED | id',
      'peer gone': 'STREAM_FAILED | id'
    }
  ],
  'allocate() of more than there is': [
    writer => writer.allocate(2 ** 40),
    everywhere(writerStates, 'NO_MEMORY')
  ],
  'finish()': [writer => writer.finish(), { ...afterTheEnd, finished: 'nothing' }],
  'fail()': [writer => writer.fail(), everywhere(writerStates, 'nothing')],
  'close()': [writer => writer.close(), everywhere(writerStates, 'nothing')],
  '[Symbol.asyncDispose]()': [writer => writer[Symbol.asyncDispose](), everywhere(writerStates, 'nothing')]
}

export const readStreamStates = [
  'before open',
  'open',
  'waiting',
  'ended',
  'failed',
  'dropped',
  'destroyed',
  'client closed',
  'peer gone',
  'server gone'
] as const
type ReadStreamState = (typeof readStreamStates)[number]

const readStreamEnds = {
  failed: 'STREAM_FAILED',
  dropped: 'STREAM_FAILED',
  destroyed: 'ERR_STREAM_PREMATURE_CLOSE',
  'client closed': 'CLOSED',
  'peer gone': 'STREAM_FAILED',
  'server gone': 'CONNECTION_LOST'
}

export const readStreamTable: Table<ReadStreamState, TypedReadable<unknown>> = {
  'reading to the end': [
    readable => readable.toArray(),
    { 'before open': '3 chunks', open: '3 chunks', waiting: '3 chunks', ended: '0 chunks', ...readStreamEnds }
  ],
  'destroy()': [
    async readable => {
      readable.destroy()
      if (!readable.closed) await new Promise(resolve => readable.once('close', resolve))
    },
    everywhere(readStreamStates, 'nothing')
  ],
  'destroy(error)': [
    async readable => {
      const over = finished(readable)
      readable.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
      await over
    },
    {
      'before open': 'ENOUGH',
      open: 'ENOUGH',
      waiting: 'ENOUGH',
      ended: 'nothing',
      ...readStreamEnds,
      'client closed': 'CLOSED | ENOUGH'
    }
  ]
}

export const writeStreamStates = [
  'before open',
  'open',
  'waiting',
  'finished',
  'failed',
  'dropped',
  'destroyed',
  'client closed',
  'peer gone',
  'server gone'
] as const
type WriteStreamState = (typeof writeStreamStates)[number]

const writeStreamEnds = {
  failed: 'STREAM_FAILED',
  dropped: 'STREAM_FAILED',
  'client closed': 'CLOSED',
  'peer gone': 'STREAM_FAILED',
  'server gone': 'CONNECTION_LOST'
}

export const writeStreamTable: Table<WriteStreamState, TypedWritable<unknown>> = {
  'write()': [
    writable =>
      new Promise<void>((resolve, reject) => {
        writable.write(batch(), error => (error ? reject(error) : resolve()))
      }),
    {
      'before open': 'nothing',
      open: 'nothing',
      waiting: 'nothing',
      finished: 'ERR_STREAM_WRITE_AFTER_END',
      failed: 'ERR_STREAM_DESTROYED',
      dropped: 'ERR_STREAM_DESTROYED',
      destroyed: 'ERR_STREAM_DESTROYED',
      'client closed': 'ERR_STREAM_DESTROYED',
      'peer gone': 'ERR_STREAM_DESTROYED',
      'server gone': 'ERR_STREAM_DESTROYED'
    }
  ],
  'end()': [
    writable => finished(writable.end()),
    {
      'before open': 'nothing',
      open: 'nothing',
      waiting: 'nothing',
      finished: 'nothing',
      destroyed: 'nothing',
      ...writeStreamEnds
    }
  ],
  'destroy()': [
    async writable => {
      writable.destroy()
      if (!writable.closed) await new Promise(resolve => writable.once('close', resolve))
    },
    everywhere(writeStreamStates, 'nothing')
  ],
  'destroy(error)': [
    async writable => {
      const over = finished(writable)
      writable.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
      await over
    },
    {
      'before open': 'ENOUGH',
      open: 'ENOUGH',
      waiting: 'ENOUGH',
      finished: 'nothing',
      destroyed: 'ERR_STREAM_PREMATURE_CLOSE',
      ...writeStreamEnds
    }
  ]
}

export const streamStates = [
  'open',
  'both ends taken',
  'ended',
  'failed',
  'dropped',
  'client closed',
  'peer gone',
  'server gone'
] as const
type StreamState = (typeof streamStates)[number]

const connecting = { 'client closed': 'CLOSED', 'server gone': 'CONNECT' }

export const streamTable: Table<StreamState, RecordBatchStream> = {
  'openReader()': [
    async stream => (await stream.openReader()).close(),
    {
      open: 'nothing',
      'both ends taken': 'STREAM_OPENED',
      ended: 'NOT_FOUND',
      failed: 'nothing',
      'peer gone': 'STREAM_FAILED | STREAM_OPENED',
      dropped: 'NOT_FOUND',
      ...connecting
    }
  ],
  'openWriter()': [
    async stream => (await stream.openWriter()).close(),
    {
      open: 'nothing',
      'both ends taken': 'STREAM_OPENED',
      ended: 'NOT_FOUND',
      failed: 'STREAM_OPENED',
      'peer gone': 'STREAM_FAILED | nothing',
      dropped: 'NOT_FOUND',
      ...connecting
    }
  ],
  'createReadStream()': [
    stream => finished(stream.createReadStream({ idleTimeout: 5 }).resume()),
    {
      open: 'TIMEOUT',
      'both ends taken': 'STREAM_OPENED',
      ended: 'NOT_FOUND',
      failed: 'STREAM_FAILED',
      'peer gone': 'STREAM_FAILED | STREAM_OPENED',
      dropped: 'NOT_FOUND',
      ...connecting
    }
  ],
  'createWriteStream()': [
    stream => finished(stream.createWriteStream().end()),
    {
      open: 'nothing',
      'both ends taken': 'STREAM_OPENED',
      ended: 'NOT_FOUND',
      failed: 'STREAM_OPENED',
      'peer gone': 'STREAM_FAILED | nothing',
      dropped: 'NOT_FOUND',
      ...connecting
    }
  ],
  'drop()': [
    stream => stream.drop(),
    {
      open: 'nothing',
      'both ends taken': 'nothing',
      ended: 'nothing',
      failed: 'nothing',
      'peer gone': 'nothing',
      dropped: 'nothing',
      ...connecting
    }
  ],
  'stats()': [async stream => stream.stats(), everywhere(streamStates, 'value')]
}

export const groupStates = ['open', 'both ends taken', 'dropped', 'client closed', 'server gone'] as const
type GroupState = (typeof groupStates)[number]

/** The same for a ParallelStream and a StreamCollection. */
export const groupTable: Table<GroupState, ParallelStream<RecordBatchStream> | StreamCollection> = {
  'createReadStream()': [
    group => finished(group.createReadStream({ idleTimeout: 5 }).resume()),
    { open: 'TIMEOUT', 'both ends taken': 'STREAM_OPENED', dropped: 'NOT_FOUND', ...connecting }
  ],
  'createWriteStream()': [
    group => finished(group.createWriteStream().end()),
    { open: 'nothing', 'both ends taken': 'STREAM_OPENED', dropped: 'NOT_FOUND', ...connecting }
  ],
  'drop()': [
    group => group.drop(),
    {
      open: 'nothing',
      'both ends taken': 'nothing',
      dropped: 'nothing',
      ...connecting,
      'server gone': 'CONNECTION_LOST'
    }
  ],
  'stats()': [async group => group.stats(), everywhere(groupStates, 'value')]
}

export const clientStates = ['open', 'waiting', 'closed', 'server gone'] as const
type ClientState = (typeof clientStates)[number]

const value = { open: 'value', waiting: 'value', closed: 'CLOSED', 'server gone': 'CONNECTION_LOST' }
const nothing = { ...value, open: 'nothing', waiting: 'nothing' }
const id = { ...value, open: 'id', waiting: 'id' }

export const clientTable: Table<ClientState, Scene> = {
  'put()': [({ producer }) => producer.put('text'), id],
  'put() with an aborted signal': [
    ({ producer }) => producer.put('text', { signal: AbortSignal.abort() }),
    everywhere(clientStates, 'ABORT_ERR')
  ],
  'get()': [({ producer, out }) => producer.get(out.id), value],
  'get() with an aborted signal': [
    ({ producer, out }) => producer.get(out.id, { signal: AbortSignal.abort() }),
    everywhere(clientStates, 'ABORT_ERR')
  ],
  'getMeta()': [({ producer, out }) => producer.getMeta(out.id), value],
  'exists()': [({ producer, out }) => producer.exists(out.id), value],
  'delete()': [({ producer, out }) => producer.delete(out.id), nothing],
  'list()': [async ({ producer }) => (await producer.list({ limit: 0 })).length, value],
  'putName()': [({ producer, object, name }) => producer.putName(object, `${name}/again`), nothing],
  'getName()': [({ producer, name }) => producer.getName(name), id],
  'getName() of a name that is not there': [
    ({ producer }) => producer.getName('nobody'),
    { ...value, open: 'NOT_FOUND', waiting: 'NOT_FOUND' }
  ],
  'getName() with wait and a signal': [
    ({ producer }) => producer.getName('nobody', { wait: true, signal: AbortSignal.timeout(5) }),
    { open: 'ABORT_ERR', waiting: 'ABORT_ERR', closed: 'CLOSED', 'server gone': 'CONNECT' }
  ],
  'dropName()': [({ producer, name }) => producer.dropName(name), nothing],
  'listNames()': [({ producer }) => producer.listNames(), value],
  'persist()': [({ producer, object }) => producer.persist(object), nothing],
  'migrate()': [({ producer, object }) => producer.migrate(object), id],
  'clusterMeta()': [({ producer }) => producer.clusterMeta(), value],
  'status()': [({ producer }) => producer.status(), value],
  'stats()': [async ({ producer }) => producer.stats(), everywhere(clientStates, 'value')],
  'fork()': [
    async ({ producer }) => (await producer.fork()).close(),
    { open: 'nothing', waiting: 'nothing', closed: 'CLOSED', 'server gone': 'CONNECT' }
  ],
  'RecordBatchStream.create()': [({ producer }) => RecordBatchStream.create(producer), value],
  'RecordBatchStream.open()': [({ producer, out }) => RecordBatchStream.open(producer, out.id), value],
  'RecordBatchStream.create() for several readers': [
    ({ producer }) => RecordBatchStream.create(producer, { consumers: 2 }),
    {
      open: 'value | UNSUPPORTED',
      waiting: 'value | UNSUPPORTED',
      closed: 'CLOSED | UNSUPPORTED',
      'server gone': 'CONNECTION_LOST | UNSUPPORTED'
    }
  ],
  'RecordBatchStream.create() for readers that come back': [
    ({ producer }) => RecordBatchStream.create(producer, { resumable: true }),
    {
      open: 'value | UNSUPPORTED',
      waiting: 'value | UNSUPPORTED',
      closed: 'CLOSED | UNSUPPORTED',
      'server gone': 'CONNECTION_LOST | UNSUPPORTED'
    }
  ],
  'StreamCollection.create()': [({ producer, out }) => StreamCollection.create(producer, [out]), value],
  'connect() to the same address': [
    async ({ producer }) => (await connect(producer.address)).close(),
    { open: 'nothing', waiting: 'nothing', closed: 'nothing', 'server gone': 'CONNECT' }
  ],
  'ParallelStream.create()': [({ producer }) => ParallelStream.create(producer, 2, RecordBatchStream), value],
  'close()': [({ producer }) => producer.close(), everywhere(clientStates, 'nothing')],
  '[Symbol.asyncDispose]()': [
    ({ producer }) => producer[Symbol.asyncDispose](),
    everywhere(clientStates, 'nothing')
  ]
}
