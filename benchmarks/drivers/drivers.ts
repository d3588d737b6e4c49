import type { NodeEnds, Place, Work } from '../model.js'
import { arrowIpc } from './arrow-ipc.js'
import { ours } from './store.js'
import { zeromq } from './zeromq.js'

export interface Driver extends NodeEnds<any> {
  title: string
  place(work: Work): Promise<Place>
}

/** Everything that is compared: what moves chunks from one process to another. */
export const drivers = {
  store: { title: 'this package, its store', ...ours('store') },
  vineyardd: { title: 'this package, a real vineyardd', ...ours('vineyardd') },
  'arrow-ipc': { title: 'Arrow IPC over a Unix socket', ...arrowIpc },
  zeromq: { title: 'ZeroMQ with Arrow IPC', ...zeromq }
} satisfies Record<string, Driver>

export type DriverName = keyof typeof drivers
