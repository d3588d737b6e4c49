import { hostname } from 'node:os'
import { Status } from '../../errors.js'
import { extensionField, extensionVersion } from '../../protocol/extension.js'
import { RequestError } from '../request-error.js'
import { readInteger, readString, type Request } from '../request.js'
import { instanceStatus } from '../status.js'
import { closeConnection, type Handler, route } from './handler.js'

/** The version that clients of upstream compare with their own. */
const protocolVersion = '0.24.2'

/** The number of this host in cluster_meta; any will do for a store that is alone. */
const hostId = 1

function readOptional(request: Request, name: string): string {
  return request[name] === undefined ? '' : readString(request, name)
}

/** Whether the client wants the kind of store that this is. */
function isDefaultStore(request: Request): boolean {
  const type = request['store_type']
  if (type === undefined) return true
  if (typeof type === 'string') return type !== 'Plasma'
  return readInteger(request, 'store_type') !== 2n
}

function agreedVersion(request: Request): number {
  const version = request[extensionField]
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1) return 0
  return Math.min(version, extensionVersion)
}

const register: Handler = (request, { peer, facts }) => {
  const storeMatch = isDefaultStore(request)
  readOptional(request, 'version')
  if (!facts.authenticate(readOptional(request, 'username'), readOptional(request, 'password'))) {
    throw new RequestError(Status.ConnectionError, 'wrong user name or password')
  }
  peer.registered = true
  const version = agreedVersion(request)
  peer.scopes = version > 0
  // What the rest of the extension is about is shared memory, which a TCP connection has not.
  peer.extension = peer.carriesFds ? version : 0
  const extension = peer.extension > 0 ? `,"${extensionField}":${peer.extension}` : ''
  return (
    `{"instance_id":0,"ipc_socket":${JSON.stringify(facts.socket)},"rpc_endpoint":${JSON.stringify(facts.rpcEndpoint)},` +
    `"session_id":0,"store_match":${storeMatch},"support_rpc_compression":true,"type":"register_reply",` +
    `"version":"${protocolVersion}"${extension}}`
  )
}

const clusterMeta: Handler = (_request, { facts }) => {
  const host = JSON.stringify(hostname())
  return (
    `{"meta":{"i0":{"hostid":${hostId},"hostname":${host},"ipc_socket":${JSON.stringify(facts.socket)},` +
    `"nodename":${host},"rpc_endpoint":${JSON.stringify(facts.rpcEndpoint)},"timestamp":${Date.now()}}},"type":"cluster_meta"}`
  )
}

const status: Handler = (_request, { engine, facts }) => {
  const s = instanceStatus(engine, facts.connections())
  return (
    `{"meta":{"deferred_requests":${s.deferredRequests},"deployment":"${s.deployment}","instance_id":${s.instanceId},` +
    `"ipc_connections":${s.ipcConnections},"memory_limit":${s.memoryLimit},"memory_usage":${s.memoryUsage},` +
    `"rpc_connections":${s.rpcConnections}},"type":"instance_status_reply"}`
  )
}

function notHere(message: string): Handler {
  return () => {
    throw new RequestError(Status.NotImplemented, message)
  }
}

const noSessions = notHere('this store has only its root session')
const noLocks = notHere('a store with local metadata has no locks')

const moveBuffers: Handler = request => {
  const session = readInteger(request, 'session_id')
  throw RequestError.invalid(
    session === 0n ? 'source and target are the same session' : 'there is no such session'
  )
}

export const sessionRoutes = [
  route('register_request', register, { unregistered: true }),
  route('exit_request', () => closeConnection),
  route('new_session_request', noSessions),
  route('delete_session_request', noSessions),
  route('move_buffers_ownership_request', moveBuffers),
  route('instance_status_request', status),
  route('cluster_meta', clusterMeta),
  route('debug_command', () => '{"result":null,"type":"debug_reply"}'),
  route('acquire_lock_request', noLocks),
  route('release_lock_request', noLocks)
]
