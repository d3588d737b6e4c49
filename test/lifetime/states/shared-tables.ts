import { finished } from 'node:stream/promises'
import type { StreamReader, StreamWriter, VineyardStream } from 'vineyard-streams'
import { everywhere, type Table } from '../../support/outcome.js'
import { readerTable, writerTable, type ReaderState, type WriterState } from './end-tables.js'
import { idleTimeout } from './stream-tables.js'

/** The same operations in further states, whose outcomes follow from those that a plain stream's end has. */
function further<State extends string, Further extends string, Subject>(
  table: Table<State, Subject>,
  states: Record<Further, (outcomes: Record<State, string>) => string>
): Table<State | Further, Subject> {
  const rows = Object.entries(table).map(([operation, [run, outcomes]]) => {
    const more = Object.entries<(outcomes: Record<State, string>) => string>(states).map(([state, of]) => [
      state,
      of(outcomes)
    ])
    return [operation, [run, { ...outcomes, ...Object.fromEntries(more) }]]
  })
  return Object.fromEntries(rows) as Table<State | Further, Subject>
}

/** Of a stream that was created with `consumers: 2`. */
export const sharedReaderTable: Table<
  ReaderState | 'other reader closed' | 'other reader gone' | 'evicted',
  StreamReader
> = further(readerTable, {
  'other reader closed': ({ open }) => open,
  'other reader gone': ({ open }) => open,
  evicted: ({ failed }) => failed.replace('STREAM_FAILED', 'READER_EVICTED')
})

/** Of a stream that was created with `resumable: true`. */
export const resumingReaderTable: Table<ReaderState | 'after another' | 'after one that died', StreamReader> =
  further(readerTable, {
    'after another': ({ open }) => open,
    'after one that died': ({ open }) => open
  })

export const sharedWriterTable: Table<
  WriterState | 'one reader closed' | 'one reader gone' | 'all readers closed',
  StreamWriter
> = further(writerTable, {
  'one reader closed': ({ open }) => open,
  'one reader gone': ({ open }) => open,
  'all readers closed': ({ 'peer gone': gone }) => gone
})

/** Its stream does not fail with its reader: another one may come. */
export const resumableWriterTable: Table<WriterState | 'reader closed', StreamWriter> = further(writerTable, {
  'reader closed': ({ open }) => open,
  'peer gone': ({ open }) => open
})

const seatStates = [
  'one reader open',
  'both readers open',
  'one reader closed',
  'both readers closed',
  'resumable, reader open',
  'resumable, reader closed',
  'resumable, ended'
] as const

/** Who finds a place in a stream with two readers, and in one that is resumable. */
export const seatTable: Table<(typeof seatStates)[number], VineyardStream<any, any, any>> = {
  'openReader()': [
    async stream => (await stream.openReader()).close(),
    {
      'one reader open': 'nothing',
      'both readers open': 'STREAM_OPENED',
      'one reader closed': 'nothing',
      'both readers closed': 'STREAM_FAILED',
      'resumable, reader open': 'STREAM_OPENED',
      'resumable, reader closed': 'nothing',
      'resumable, ended': 'NOT_FOUND'
    }
  ],
  'createReadStream()': [
    stream => finished(stream.createReadStream({ idleTimeout }).resume()),
    {
      'one reader open': 'TIMEOUT',
      'both readers open': 'STREAM_OPENED',
      'one reader closed': 'TIMEOUT',
      'both readers closed': 'STREAM_FAILED',
      'resumable, reader open': 'STREAM_OPENED',
      'resumable, reader closed': 'TIMEOUT',
      'resumable, ended': 'NOT_FOUND'
    }
  ],
  'openWriter()': [
    async stream => (await stream.openWriter()).close(),
    {
      ...everywhere(seatStates, 'nothing'),
      'both readers closed': 'STREAM_FAILED',
      'resumable, ended': 'NOT_FOUND'
    }
  ],
  'drop()': [stream => stream.drop(), everywhere(seatStates, 'nothing')]
}
