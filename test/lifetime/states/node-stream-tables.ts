import { finished } from 'node:stream/promises'
import type { TypedReadable, TypedWritable } from 'vineyard-streams'
import { numberedBatch } from '../../support/numbered.js'
import { everywhere, type Table } from '../../support/outcome.js'

type NodeStream = TypedReadable<unknown> | TypedWritable<unknown>

async function destroy(stream: NodeStream): Promise<void> {
  stream.destroy()
  if (!stream.closed) await new Promise(resolve => stream.once('close', resolve))
}

async function destroyWithError(stream: NodeStream): Promise<void> {
  const over = finished(stream)
  stream.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
  await over
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
  'connection lost',
  'server gone',
  'server silent'
] as const
export type ReadStreamState = (typeof readStreamStates)[number]

const readStreamEnds = {
  failed: 'STREAM_FAILED',
  dropped: 'STREAM_FAILED',
  destroyed: 'ERR_STREAM_PREMATURE_CLOSE',
  'client closed': 'CLOSED',
  'peer gone': 'STREAM_FAILED',
  'connection lost': '3 chunks | 1 chunk | CONNECTION_LOST',
  'server gone': 'CONNECTION_LOST',
  'server silent': 'waits, then CLOSED | CONNECTION_LOST'
}

export const readStreamTable: Table<ReadStreamState, TypedReadable<unknown>> = {
  'reading to the end': [
    readable => readable.toArray(),
    {
      'before open': '3 chunks',
      open: '3 chunks | 1 chunk',
      waiting: '3 chunks',
      ended: '0 chunks',
      ...readStreamEnds
    }
  ],
  'destroy()': [destroy, everywhere(readStreamStates, 'nothing')],
  'destroy(error)': [
    destroyWithError,
    {
      'before open': 'ENOUGH',
      open: 'ENOUGH',
      waiting: 'ENOUGH',
      ended: 'nothing',
      ...readStreamEnds,
      'client closed': 'CLOSED | ENOUGH',
      'connection lost': 'ENOUGH',
      'server silent': 'ENOUGH'
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
  'connection lost',
  'server gone',
  'server silent'
] as const
export type WriteStreamState = (typeof writeStreamStates)[number]

const writeStreamEnds = {
  failed: 'STREAM_FAILED',
  dropped: 'STREAM_FAILED',
  'client closed': 'CLOSED',
  'peer gone': 'STREAM_FAILED',
  'connection lost': 'nothing | CONNECTION_LOST',
  'server gone': 'CONNECTION_LOST',
  'server silent': 'TIMEOUT | CONNECTION_LOST'
}

export const writeStreamTable: Table<WriteStreamState, TypedWritable<unknown>> = {
  'write()': [
    writable =>
      new Promise<void>((resolve, reject) => {
        writable.write(writable.writableObjectMode ? numberedBatch(0, 4096) : Buffer.alloc(4096), error =>
          error ? reject(error) : resolve()
        )
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
      'connection lost': 'nothing | ERR_STREAM_DESTROYED',
      'server gone': 'ERR_STREAM_DESTROYED',
      'server silent': 'waits, then CLOSED | TIMEOUT | CONNECTION_LOST'
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
  'destroy()': [destroy, everywhere(writeStreamStates, 'nothing')],
  'destroy(error)': [
    destroyWithError,
    {
      'before open': 'ENOUGH',
      open: 'ENOUGH',
      waiting: 'ENOUGH',
      finished: 'nothing',
      destroyed: 'ERR_STREAM_PREMATURE_CLOSE',
      ...writeStreamEnds,
      'connection lost': 'ENOUGH | CONNECTION_LOST',
      'server silent': 'ENOUGH'
    }
  ]
}
