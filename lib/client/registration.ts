import { VineyardError } from '../errors.js'
import { extensionField, extensionVersion } from '../protocol/extension.js'
import { messageText, type JsonObject } from '../protocol/json.js'
import type { RequestBody } from './connection.js'
import type { ConnectionSettings } from './settings.js'

/** What the server said of itself when the connection registered. */
export interface ServerInfo {
  instanceId: number | bigint
  version: string
  ipcSocket: string
  rpcEndpoint: string
  /** Version of the extension that both ends speak; 0 on a real vineyardd. */
  extension: number
}

/** The first request of a connection. */
export function registration(settings: ConnectionSettings): RequestBody {
  return {
    type: 'register_request',
    version: '0.24.2',
    store_type: 1,
    session_id: 0,
    username: settings.username,
    password: settings.password,
    // Also over TCP, where it is not answered: it tells what `scoped` means.
    [extensionField]: settings.extensions ? extensionVersion : undefined
  }
}

/** Throws ERR_VINEYARD_CONNECT where the server is of a kind that cannot be used. */
export function readRegistration(reply: JsonObject): ServerInfo {
  if (reply['store_match'] === false) {
    throw new VineyardError('ERR_VINEYARD_CONNECT', 'the server is of another kind (store_match is false)')
  }
  const extension = reply[extensionField]
  return {
    instanceId: reply['instance_id'] as number | bigint,
    version: messageText(reply['version']),
    ipcSocket: messageText(reply['ipc_socket']),
    rpcEndpoint: messageText(reply['rpc_endpoint']),
    extension: typeof extension === 'number' ? extension : 0
  }
}
