import type { Driver, Place } from '../model.js'
import { arrowIpc, unixSocket } from './arrow-ipc.js'
import { partitions } from './cluster.js'
import { inPlace } from './in-place.js'
import { memcpy } from './memcpy.js'
import { nodeStreams, streamsOn, writerAndReader } from './store.js'
import { worker } from './worker.js'
import { zeromq } from './zeromq.js'

/** For what happens in one process. */
async function nowhere(): Promise<Place> {
  return { addresses: [undefined], close: async () => {} }
}

/** Everything that is compared. */
export const drivers = {
  store: { title: 'this package', place: streamsOn('store'), ends: nodeStreams },
  'store-writer': { title: 'its writer and reader', place: streamsOn('store'), ends: writerAndReader },
  'store-in-place': { title: 'this package, in place', place: streamsOn('store'), ends: inPlace },
  vineyardd: { title: 'this package on vineyardd', place: streamsOn('vineyardd'), ends: nodeStreams },
  'python-store': { title: 'Python on our store', place: streamsOn('store') },
  'python-vineyardd': { title: 'Python on vineyardd', place: streamsOn('vineyardd') },
  'tcp-vineyardd': {
    title: 'this package on vineyardd, TCP',
    place: streamsOn('vineyardd', { rpc: true }),
    ends: nodeStreams
  },
  'python-tcp-vineyardd': {
    title: 'Python on vineyardd, TCP',
    place: streamsOn('vineyardd', { rpc: true })
  },
  'tcp-store': {
    title: 'this package on our store, TCP',
    place: streamsOn('store', { rpc: true }),
    ends: nodeStreams
  },
  'python-tcp-store': { title: 'Python on our store, TCP', place: streamsOn('store', { rpc: true }) },
  'cluster-own': { title: 'read on its own instance', place: partitions(2, 'own', 1), ends: nodeStreams },
  'cluster-other': {
    title: 'read on another instance',
    place: partitions(2, 'other', 1),
    ends: nodeStreams
  },
  'cluster-1': { title: '1 instance', place: partitions(1), ends: nodeStreams, ownProcesses: true },
  'cluster-2': { title: '2 instances', place: partitions(2), ends: nodeStreams, ownProcesses: true },
  'cluster-3': { title: '3 instances', place: partitions(3), ends: nodeStreams, ownProcesses: true },
  'arrow-ipc': { title: 'Arrow IPC, Unix socket', place: unixSocket, ends: arrowIpc },
  worker: { title: 'postMessage, transfer', place: nowhere, ends: worker },
  memcpy: { title: 'memcpy into warm memory', place: nowhere, ends: memcpy },
  zeromq: { title: 'ZeroMQ, Arrow IPC', place: unixSocket, ends: zeromq }
} satisfies Record<string, Driver>

export type DriverName = keyof typeof drivers
