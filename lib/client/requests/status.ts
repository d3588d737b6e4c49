import { messageText, type JsonObject } from '../../protocol/json.js'
import type { StoreSnapshot } from '../../protocol/snapshot.js'
import type { Connection } from '../connection.js'
import { countOf, objectOf } from './reply-fields.js'

/** What a server says of its memory and connections. */
export interface Status {
  /** The server's number in its cluster. */
  instanceId: number | bigint
  /** 'local', or 'distributed' for a vineyardd with etcd. */
  deployment: string
  /** Bytes of live blobs, as they were asked for. */
  memoryUsage: number
  /** Bytes of the whole pool. */
  memoryLimit: number
  /** Connections over the Unix socket. */
  ipcConnections: number
  /** Connections over TCP. */
  rpcConnections: number
  /** Requests that wait for something: a chunk, a name, memory. */
  deferredRequests: number
}

export async function instanceStatus(connection: Connection): Promise<Status> {
  const reply = await connection.request({ type: 'instance_status_request' }, 'instance_status_reply')
  const meta = objectOf(reply, 'meta')
  return {
    instanceId: meta['instance_id'] as number | bigint,
    deployment: messageText(meta['deployment']),
    memoryUsage: countOf(meta, 'memory_usage'),
    memoryLimit: countOf(meta, 'memory_limit'),
    ipcConnections: countOf(meta, 'ipc_connections'),
    rpcConnections: countOf(meta, 'rpc_connections'),
    deferredRequests: countOf(meta, 'deferred_requests')
  }
}

/** Only on connections with the extension. */
export async function storeSnapshot(connection: Connection, objects: boolean): Promise<StoreSnapshot> {
  const reply = await connection.request({ type: 'store_snapshot_request', objects }, 'store_snapshot_reply')
  return reply['snapshot'] as unknown as StoreSnapshot
}

export async function clusterMeta(connection: Connection): Promise<JsonObject> {
  const reply = await connection.request({ type: 'cluster_meta' }, 'cluster_meta')
  return objectOf(reply, 'meta')
}
