import { messageText, type JsonObject } from '../../protocol/json.js'
import type { StoreSnapshot } from '../../protocol/snapshot.js'
import type { Status } from '../../protocol/status.js'
import type { Connection, RequestOptions } from '../connection.js'
import { countOf, objectOf } from './reply-fields.js'

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

export async function clusterMeta(connection: Connection, options?: RequestOptions): Promise<JsonObject> {
  const reply = await connection.request({ type: 'cluster_meta' }, 'cluster_meta', options)
  return objectOf(reply, 'meta')
}
