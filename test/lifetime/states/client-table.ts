import {
  ByteStream,
  connect,
  type Client,
  DataframeStream,
  ParallelStream,
  RecordBatchStream,
  StreamCollection
} from 'vineyard-streams'
import { everywhere, type Table } from '../../support/outcome.js'
import type { Scene } from '../../support/state-matrix.js'

/** A client as `producer`, and an object of each kind. */
export interface ClientScene extends Scene {
  ids: { bytes: string; frames: string; parallel: string; collection: string }
}

export const clientStates = [
  'open',
  'waiting',
  'closed',
  'connection lost',
  'server gone',
  'server silent'
] as const
export type ClientState = (typeof clientStates)[number]

const value = {
  open: 'value',
  waiting: 'value',
  closed: 'CLOSED',
  'connection lost': 'CONNECTION_LOST',
  'server gone': 'CONNECTION_LOST',
  'server silent': 'TIMEOUT'
}
const nothing = { ...value, open: 'nothing', waiting: 'nothing' }
const id = { ...value, open: 'id', waiting: 'id' }
/** What only the store has. */
const valueOfTheStore = {
  open: 'value | UNSUPPORTED',
  waiting: 'value | UNSUPPORTED',
  closed: 'CLOSED | UNSUPPORTED',
  'server gone': 'CONNECTION_LOST | UNSUPPORTED',
  'connection lost': 'CONNECTION_LOST | UNSUPPORTED',
  'server silent': 'TIMEOUT | UNSUPPORTED'
}

export const clientTable: Table<ClientState, ClientScene> = {
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
    {
      open: 'ABORT_ERR',
      waiting: 'ABORT_ERR',
      closed: 'CLOSED',
      'connection lost': 'ABORT_ERR',
      'server gone': 'CONNECT',
      'server silent': 'ABORT_ERR'
    }
  ],
  'dropName()': [({ producer, name }) => producer.dropName(name), nothing],
  'listNames()': [({ producer }) => producer.listNames(), value],
  'persist()': [({ producer, object }) => producer.persist(object), nothing],
  'migrate()': [({ producer, object }) => producer.migrate(object), id],
  'migrate() with an aborted signal': [
    ({ producer, object }) => producer.migrate(object, { signal: AbortSignal.abort() }),
    everywhere(clientStates, 'ABORT_ERR')
  ],
  'clusterMeta()': [({ producer }) => producer.clusterMeta(), value],
  'status()': [({ producer }) => producer.status(), value],
  'stats()': [async ({ producer }) => producer.stats(), everywhere(clientStates, 'value')],
  'fork()': [
    async ({ producer }) => (await producer.fork()).close(),
    {
      open: 'nothing',
      waiting: 'nothing',
      closed: 'CLOSED',
      'connection lost': 'nothing',
      'server gone': 'CONNECT',
      'server silent': 'TIMEOUT'
    }
  ],
  'RecordBatchStream.create()': [({ producer }) => RecordBatchStream.create(producer), value],
  'RecordBatchStream.open()': [({ producer, out }) => RecordBatchStream.open(producer, out.id), value],
  'RecordBatchStream.create() for several readers': [
    ({ producer }) => RecordBatchStream.create(producer, { consumers: 2 }),
    valueOfTheStore
  ],
  'RecordBatchStream.create() for readers that come back': [
    ({ producer }) => RecordBatchStream.create(producer, { resumable: true }),
    valueOfTheStore
  ],
  'connect() to the same address': [
    async ({ producer }) => (await connect(producer.address, { timeout: 1000 })).close(),
    {
      open: 'nothing',
      waiting: 'nothing',
      closed: 'nothing',
      'connection lost': 'nothing',
      'server gone': 'CONNECT',
      'server silent': 'TIMEOUT'
    }
  ],
  'ByteStream.create()': [({ producer }) => ByteStream.create(producer), value],
  'ByteStream.open()': [({ producer, ids }) => ByteStream.open(producer, ids.bytes), value],
  'DataframeStream.create()': [({ producer }) => DataframeStream.create(producer), value],
  'DataframeStream.open()': [({ producer, ids }) => DataframeStream.open(producer, ids.frames), value],
  'ParallelStream.create()': [({ producer }) => ParallelStream.create(producer, 2, RecordBatchStream), value],
  'ParallelStream.create() on each instance': [
    ({ producer }) => ParallelStream.create(producer, { perInstance: true }),
    value
  ],
  'ParallelStream.open()': [({ producer, ids }) => ParallelStream.open(producer, ids.parallel), value],
  'StreamCollection.create()': [({ producer, out }) => StreamCollection.create(producer, [out]), value],
  'StreamCollection.open()': [({ producer, ids }) => StreamCollection.open(producer, ids.collection), value],
  'at() of an instance that is not there (internal)': [
    ({ producer }) => (producer as unknown as { at(instance: number): Promise<Client> }).at(2 ** 40),
    { ...value, open: 'CONNECT', waiting: 'CONNECT' }
  ],
  address: [async ({ producer }) => producer.address, everywhere(clientStates, 'id')],
  'close()': [({ producer }) => producer.close(), everywhere(clientStates, 'nothing')],
  '[Symbol.asyncDispose]()': [
    ({ producer }) => producer[Symbol.asyncDispose](),
    everywhere(clientStates, 'nothing')
  ]
}
