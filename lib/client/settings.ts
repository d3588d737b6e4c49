import { VineyardError } from '../errors.js'
import { checkOptions, isBoolean, isDuration, isSignal, isString, isText } from '../options.js'
import { parseEndpoint } from '../rpc/endpoint.js'
import { longestTime } from '../timer.js'

/** How connections of one client are made; forks, readers and writers use the same. */
export interface ConnectionSettings {
  /** As it was given: a path, or tcp://host:port. */
  readonly address: string
  /** Where to connect over TCP; undefined for a Unix socket. */
  readonly endpoint: { host: string; port: number } | undefined
  /** Over TCP: whether blobs are compressed on their way, if the server can. */
  readonly compression: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  /** Milliseconds within which a request that nobody else can delay must be answered; 0 for no limit. */
  readonly timeout: number
  /** Whether to offer the extension of this package's store. Off only to test the standard path on the store. */
  readonly extensions: boolean
}

/** Options of `connect`. */
export interface ConnectOptions {
  /** For a server that asks for it; with `password`. */
  username?: string | undefined
  /** Goes with `username`; both travel in plain text. */
  password?: string | undefined
  /** Ends the attempt to connect. */
  signal?: AbortSignal | undefined
  /**
   * Milliseconds to connect, and for every later request that depends on nobody but the server (60,000 by default, 0 or
   * Infinity for no limit). Past it the connection counts as lost: ERR_VINEYARD_TIMEOUT. On a vineyardd what asks etcd
   * has connections of its own, and ends alone. Whatever is closed or destroyed waits no longer than 3 s for a server that
   * says nothing. Over TCP a line that is cut counts as lost after 20 s whatever waits on it, sooner where this is shorter:
   * ERR_VINEYARD_CONNECTION_LOST.
   */
  timeout?: number | undefined
  /**
   * Over TCP: compress blobs on their way (zstd), where the server can. False by default: it is slower than the network
   * of most machine rooms.
   */
  compression?: boolean | undefined
  /** @internal */
  extensions?: boolean | undefined
}

const connectChecks = {
  username: isString,
  password: isString,
  signal: isSignal,
  timeout: isDuration,
  compression: isBoolean
}

const defaultTimeout = 60_000
/** Where vineyardd listens unless told otherwise, as the Python client looks for it. */
const defaultSocket = '/var/run/vineyard.sock'

/** No address: $VINEYARD_IPC_SOCKET, then $VINEYARD_RPC_ENDPOINT, then /var/run/vineyard.sock. */
function resolveAddress(address: string | undefined): string {
  if (address !== undefined) return address
  const { VINEYARD_IPC_SOCKET: ipc, VINEYARD_RPC_ENDPOINT: rpc } = process.env
  if (ipc !== undefined && ipc !== '') return ipc
  if (rpc !== undefined && rpc !== '') return rpc.includes('://') ? rpc : `tcp://${rpc}`
  return defaultSocket
}

export function connectionSettings(address: unknown, options: ConnectOptions = {}): ConnectionSettings {
  checkOptions(options, connectChecks, { internal: { extensions: isBoolean } })
  if (address !== undefined) isText(address, '"address" argument')
  const { timeout = defaultTimeout } = options
  const resolved = resolveAddress(address as string | undefined)
  const [, scheme, rest] = /^([a-z]+):\/\/(.*)$/.exec(resolved) ?? []
  if (scheme !== undefined && scheme !== 'tcp') {
    throw new VineyardError(
      'ERR_VINEYARD_UNSUPPORTED',
      `${resolved}: an address is a path or tcp://host:port`
    )
  }
  return {
    address: resolved,
    endpoint: rest === undefined ? undefined : parseEndpoint(rest),
    compression: options.compression ?? false,
    username: options.username,
    password: options.password,
    timeout: timeout === Infinity ? 0 : Math.min(timeout, longestTime),
    extensions: options.extensions ?? true
  }
}
