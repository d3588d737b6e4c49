import { isIP } from 'node:net'
import { argumentError, checkOptions as checkNames } from '../options.js'
import { pageSize } from './pool.js'
import { parseSize } from './size.js'

export interface StoreOptions {
  /** Path of the Unix socket; without it one in a fresh directory that only this user can enter. */
  socket?: string
  /** Shared memory for blobs: bytes, or a text like '256Mi' (the default). Rounded up to whole pages. */
  size?: number | string
  /**
   * An endpoint for clients without shared memory. `host` is 127.0.0.1 unless given; any other than loopback needs
   * `username` and `password`. `port` is 9600 unless given, 0 for any free one.
   */
  rpc?: { host?: string; port?: number }
  /**
   * Metrics for Prometheus at `http://host:port/metrics`. `host` is 127.0.0.1 unless given (anybody who can connect can
   * read them), `port` 0, which is any free one: `metricsUrl` tells.
   */
  metrics?: { host?: string; port?: number }
  /** A page that shows the store, for browsers on this machine only. `port` is 0 unless given: `uiUrl` tells. */
  ui?: { port?: number }
  /** With `password`: clients must register with both. */
  username?: string
  password?: string
  /** How many connections there may be at a time; further ones are closed at once. Default 4096. */
  maxConnections?: number
  /** Longest request, in bytes. A longer one ends its connection. Default and upstream's limit: 256 MiB. */
  maxFrame?: number
}

/** Options that have been checked. Only plain values: they travel to the worker. */
export interface CheckedOptions {
  socket: string | undefined
  size: number
  username: string
  password: string
  maxConnections: number
  maxFrame: number
  rpc: RpcOptions | undefined
  metrics: RpcOptions | undefined
  ui: RpcOptions | undefined
}

export interface RpcOptions {
  host: string
  port: number
}

/** Where vineyardd listens. */
const defaultPort = 9600

/** MESSAGE_HEADER_LIMIT of upstream. */
const upstreamMaxFrame = 268_435_456
/** The allocator counts in 64 bytes with 32 bits. */
const maxSize = 2 ** 38 - 2 ** 20

function outOfRange(name: string, rule: string, value: unknown): Error {
  return argumentError('ERR_OUT_OF_RANGE', `The "${name}" option must be ${rule}. Received ${String(value)}`)
}

function checkString(value: unknown, name: string): string {
  if (typeof value !== 'string')
    throw argumentError('ERR_INVALID_ARG_TYPE', `The "${name}" option must be a string`)
  return value
}

function checkCount(value: unknown, name: string, max: number): number {
  if (typeof value !== 'number')
    throw argumentError('ERR_INVALID_ARG_TYPE', `The "${name}" option must be a number`)
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw outOfRange(name, `a whole number from 1 to ${max}`, value)
  }
  return value
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function checkRpc(rpc: unknown, authenticated: boolean): RpcOptions {
  checkNames(rpc, ['host', 'port'])
  const { host = '127.0.0.1', port = defaultPort } = rpc as { host?: unknown; port?: unknown }
  if (checkString(host, 'rpc.host') === '')
    throw argumentError('ERR_INVALID_ARG_VALUE', 'The "rpc.host" option must be a host')
  checkPort(port, 'rpc.port')
  if (!authenticated && !isLoopback(host as string)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `The "rpc.host" option is '${String(host)}', which other machines can reach: "username" and "password" are needed`
    )
  }
  return { host: host as string, port: port as number }
}

function checkPort(port: unknown, name: string): number {
  if (typeof port !== 'number')
    throw argumentError('ERR_INVALID_ARG_TYPE', `The "${name}" option must be a number`)
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw outOfRange(name, 'a port number, or 0', port)
  return port
}

function checkMetrics(metrics: unknown): RpcOptions {
  checkNames(metrics, ['host', 'port'])
  const { host = '127.0.0.1', port = 0 } = metrics as { host?: unknown; port?: unknown }
  if (checkString(host, 'metrics.host') === '')
    throw argumentError('ERR_INVALID_ARG_VALUE', 'The "metrics.host" option must be a host')
  return { host: host as string, port: checkPort(port, 'metrics.port') }
}

function checkUi(ui: unknown): RpcOptions {
  checkNames(ui, ['port'])
  return { host: '127.0.0.1', port: checkPort((ui as { port?: unknown }).port ?? 0, 'ui.port') }
}

/**
 * Checks the options of a store. Throws TypeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`) or RangeError
 * (`ERR_OUT_OF_RANGE`).
 */
export function checkOptions(options: unknown): CheckedOptions {
  checkNames(options, [
    'socket',
    'size',
    'rpc',
    'metrics',
    'ui',
    'username',
    'password',
    'maxConnections',
    'maxFrame'
  ])
  const given = options as StoreOptions
  if ((given.username === undefined) !== (given.password === undefined)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'The "username" and "password" options must be given together'
    )
  }
  const socket = given.socket === undefined ? undefined : checkString(given.socket, 'socket')
  if (socket === '' || socket?.includes('\0')) {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'The "socket" option must be a path')
  }
  const size = Math.ceil(parseSize(given.size ?? '256Mi') / pageSize) * pageSize
  if (size > maxSize) throw outOfRange('size', 'less than 256Gi', given.size)
  return {
    socket,
    size,
    username: given.username === undefined ? '' : checkString(given.username, 'username'),
    password: given.password === undefined ? '' : checkString(given.password, 'password'),
    maxConnections: checkCount(given.maxConnections ?? 4096, 'maxConnections', 1_000_000),
    maxFrame: checkCount(given.maxFrame ?? upstreamMaxFrame, 'maxFrame', upstreamMaxFrame),
    rpc: given.rpc === undefined ? undefined : checkRpc(given.rpc, (given.password ?? '') !== ''),
    metrics: given.metrics === undefined ? undefined : checkMetrics(given.metrics),
    ui: given.ui === undefined ? undefined : checkUi(given.ui)
  }
}
