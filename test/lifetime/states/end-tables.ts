import type { StreamReader, StreamWriter } from 'vineyard-streams'
import { numberedBatch } from '../../support/numbered.js'
import { abortedMeanwhile, everywhere, type Table } from '../../support/outcome.js'

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
  'connection lost',
  'server gone',
  'server silent',
  'waiting, server silent'
] as const
export type ReaderState = (typeof readerStates)[number]

const silence = {
  'server silent': 'waits, then CLOSED | CONNECTION_LOST',
  'waiting, server silent': 'waits, then CLOSED | CONNECTION_LOST'
}

const noMoreChunks = {
  failed: 'STREAM_FAILED',
  dropped: 'STREAM_FAILED',
  closed: 'CLOSED',
  'client closed': 'CLOSED',
  'peer gone': 'STREAM_FAILED',
  'connection lost': 'chunk | CONNECTION_LOST',
  'server gone': 'CONNECTION_LOST',
  ...silence
}

export const readerTable: Table<ReaderState, StreamReader> = {
  'next()': [
    reader => reader.next(),
    {
      open: 'chunk',
      waiting: 'chunk',
      ended: 'done',
      ...noMoreChunks,
      'connection lost': 'chunk | CONNECTION_LOST'
    }
  ],
  'nextId()': [
    reader => reader.nextId(),
    {
      open: 'id',
      waiting: 'id',
      ended: 'nothing',
      ...noMoreChunks,
      'connection lost': 'id | CONNECTION_LOST'
    }
  ],
  'next() with an aborted signal': [
    reader => reader.next({ signal: AbortSignal.abort() }),
    everywhere(readerStates, 'ABORT_ERR')
  ],
  'next() aborted meanwhile': [
    reader => abortedMeanwhile(signal => reader.next({ signal })),
    everywhere(readerStates, 'ABORT_ERR')
  ],
  'nextId() aborted meanwhile': [
    reader => abortedMeanwhile(signal => reader.nextId({ signal })),
    everywhere(readerStates, 'ABORT_ERR')
  ],
  'for await': [
    async reader => {
      for await (const chunk of reader) return [chunk]
      return []
    },
    {
      open: '1 chunk',
      waiting: '1 chunk',
      ended: '0 chunks',
      ...noMoreChunks,
      'connection lost': '1 chunk | CONNECTION_LOST'
    }
  ],
  missed: [async reader => reader.missed, everywhere(readerStates, 'value')],
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
  'connection lost',
  'server gone',
  'server silent',
  'waiting, server silent'
] as const
export type WriterState = (typeof writerStates)[number]

const afterTheEnd = {
  open: 'nothing',
  waiting: 'nothing',
  finished: 'CLOSED',
  failed: 'STREAM_FAILED',
  dropped: 'STREAM_FAILED',
  closed: 'CLOSED',
  'client closed': 'CLOSED',
  'peer gone': 'STREAM_FAILED',
  'connection lost': 'nothing | CONNECTION_LOST',
  'server gone': 'CONNECTION_LOST',
  'server silent': 'TIMEOUT | CONNECTION_LOST',
  'waiting, server silent': 'waits, then CLOSED | TIMEOUT | CONNECTION_LOST'
}

/** Memory is given by a server that has not told of the end yet. */
const memory = {
  ...afterTheEnd,
  open: 'id',
  waiting: 'id',
  'server silent': 'waits, then CLOSED | TIMEOUT | CONNECTION_LOST',
  'connection lost': 'id | CONNECTION_LOST',
  dropped: 'STREAM_FAILED | id',
  'peer gone': 'STREAM_FAILED | id'
}

export const writerTable: Table<WriterState, StreamWriter> = {
  'append()': [
    writer => writer.append(batch()),
    { ...afterTheEnd, open: 'id', waiting: 'id', 'connection lost': 'id | CONNECTION_LOST' }
  ],
  'append() with an aborted signal': [
    writer => writer.append(batch(), { signal: AbortSignal.abort() }),
    everywhere(writerStates, 'ABORT_ERR')
  ],
  'append() aborted meanwhile': [
    writer => abortedMeanwhile(signal => writer.append(batch(), { signal })),
    everywhere(writerStates, 'ABORT_ERR')
  ],
  'append() of nonsense': [
    writer => writer.append(Symbol('nonsense')),
    {
      ...afterTheEnd,
      open: 'TYPE',
      waiting: 'TYPE',
      'server silent': 'TYPE',
      'connection lost': 'TYPE | CONNECTION_LOST',
      dropped: 'STREAM_FAILED | TYPE',
      'peer gone': 'STREAM_FAILED | TYPE'
    }
  ],
  'allocate()': [async writer => (await writer.allocate(bytes)) && 'memory', memory],
  'allocate() aborted meanwhile': [
    writer => abortedMeanwhile(async signal => (await writer.allocate(bytes, { signal })) && 'memory'),
    everywhere(writerStates, 'ABORT_ERR')
  ],
  'allocateBatch()': [async writer => (await writer.allocateBatch(batch().schema, 8)) && 'memory', memory],
  'allocate() of more than there is': [
    writer => writer.allocate(2 ** 40),
    everywhere(writerStates, 'NO_MEMORY')
  ],
  'finish()': [writer => writer.finish(), { ...afterTheEnd, finished: 'nothing' }],
  'fail()': [writer => writer.fail(), everywhere(writerStates, 'nothing')],
  'close()': [writer => writer.close(), everywhere(writerStates, 'nothing')],
  '[Symbol.asyncDispose]()': [writer => writer[Symbol.asyncDispose](), everywhere(writerStates, 'nothing')]
}
