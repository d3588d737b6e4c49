import { finished } from 'node:stream/promises'
import type { ParallelStream, StreamCollection, VineyardStream } from 'vineyard-streams'
import { abortedSoon, everywhere, type Table } from '../../support/outcome.js'

export const streamStates = [
  'open',
  'both ends taken',
  'ended',
  'failed',
  'dropped',
  'client closed',
  'peer gone',
  'connection lost',
  'server gone',
  'server silent'
] as const
export type StreamState = (typeof streamStates)[number]

/** In ms: a server with much to do must not be taken for one with nothing to say. */
export const idleTimeout = 300

const connecting = {
  'client closed': 'CLOSED',
  'connection lost': 'nothing',
  'server gone': 'CONNECT',
  'server silent': 'TIMEOUT'
}

/** The same for every type of stream. */
export const streamTable: Table<StreamState, VineyardStream<any, any, any>> = {
  'openReader()': [
    async stream => (await stream.openReader()).close(),
    {
      open: 'nothing',
      'both ends taken': 'STREAM_OPENED',
      ended: 'NOT_FOUND',
      failed: 'nothing',
      'peer gone': 'STREAM_FAILED | STREAM_OPENED',
      dropped: 'NOT_FOUND',
      ...connecting,
      'connection lost': 'nothing | CONNECTION_LOST'
    }
  ],
  'openReader() aborted meanwhile': [
    stream => abortedSoon(async signal => (await stream.openReader(undefined, { signal })).close()),
    { ...everywhere(streamStates, 'ABORT_ERR'), 'client closed': 'CLOSED', 'server gone': 'CONNECT' }
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
  'openWriter() aborted meanwhile': [
    stream => abortedSoon(async signal => (await stream.openWriter(undefined, { signal })).close()),
    { ...everywhere(streamStates, 'ABORT_ERR'), 'client closed': 'CLOSED', 'server gone': 'CONNECT' }
  ],
  'createReadStream()': [
    stream => finished(stream.createReadStream({ idleTimeout }).resume()),
    {
      open: 'TIMEOUT',
      'both ends taken': 'STREAM_OPENED',
      ended: 'NOT_FOUND',
      failed: 'STREAM_FAILED',
      'peer gone': 'STREAM_FAILED | STREAM_OPENED',
      dropped: 'NOT_FOUND',
      ...connecting,
      'connection lost': 'TIMEOUT | CONNECTION_LOST'
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
      ...connecting,
      'connection lost': 'nothing | CONNECTION_LOST'
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
      ...connecting,
      'connection lost': 'CONNECTION_LOST'
    }
  ],
  'stats()': [async stream => stream.stats(), everywhere(streamStates, 'value')]
}

export const groupStates = [
  'open',
  'both ends taken',
  'ended',
  'failed',
  'dropped',
  'client closed',
  'peer gone',
  'connection lost',
  'server gone',
  'server silent'
] as const
export type Group = ParallelStream<any> | StreamCollection<any>
type GroupState = (typeof groupStates)[number]

/** The same for a ParallelStream and a StreamCollection. */
export const groupTable: Table<GroupState, Group> = {
  'createReadStream()': [
    group => finished(group.createReadStream({ idleTimeout }).resume()),
    {
      open: 'TIMEOUT',
      'both ends taken': 'STREAM_OPENED',
      ended: 'NOT_FOUND',
      failed: 'STREAM_FAILED',
      'peer gone': 'STREAM_FAILED | STREAM_OPENED',
      dropped: 'NOT_FOUND',
      ...connecting,
      'connection lost': 'TIMEOUT | CONNECTION_LOST'
    }
  ],
  'createWriteStream()': [
    group => finished(group.createWriteStream().end()),
    {
      open: 'nothing',
      'both ends taken': 'STREAM_OPENED',
      ended: 'NOT_FOUND',
      failed: 'STREAM_OPENED',
      'peer gone': 'STREAM_FAILED | nothing',
      dropped: 'NOT_FOUND',
      ...connecting,
      'connection lost': 'nothing | CONNECTION_LOST'
    }
  ],
  'drop()': [
    group => group.drop(),
    {
      open: 'nothing',
      'both ends taken': 'nothing',
      ended: 'nothing',
      failed: 'nothing',
      'peer gone': 'nothing',
      dropped: 'nothing',
      ...connecting,
      'connection lost': 'CONNECTION_LOST',
      'server gone': 'CONNECTION_LOST'
    }
  ],
  localStreams: [async group => group.localStreams.length > 0, everywhere(groupStates, 'value')],
  'stats()': [async group => group.stats(), everywhere(groupStates, 'value')]
}
