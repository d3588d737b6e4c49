import type { Status } from '../protocol/status.js'
import type { Engine } from './engine.js'

/** What a store says of itself in its own process: more than it tells a client. Sizes are bytes. */
export interface StoreStatus extends Status {
  /** Always 0: a store is an instance of its own. */
  instanceId: number
  /** Requests that wait for memory. */
  memoryRequests: number
  /** In blobs that clients of this package hold views of. */
  leasedBytes: number
  /** In chunks that foreign readers have left behind and may still look at. */
  keptBytes: number
  /** Blobs that exist, sealed or not. */
  blobs: number
  /** Objects with metadata. */
  objects: number
  /** Names that have been put. */
  names: number
  /** Streams that have a queue. */
  streams: number
}

export function instanceStatus(engine: Engine, connections: { ipc: number; rpc: number }): StoreStatus {
  return {
    instanceId: 0,
    deployment: 'local',
    memoryUsage: engine.blobs.usage,
    memoryLimit: engine.blobs.limit,
    ipcConnections: connections.ipc,
    rpcConnections: connections.rpc,
    deferredRequests: engine.objectWaits.length + engine.nameWaits.length,
    memoryRequests: engine.memory.length,
    leasedBytes: engine.blobs.leasedBytes,
    keptBytes: engine.blobs.keptBytes,
    blobs: engine.blobs.count,
    objects: engine.metadata.count + engine.compact.count,
    names: engine.names.count,
    streams: engine.streams.table.count
  }
}
