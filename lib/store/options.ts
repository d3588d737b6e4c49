import { isIP } from 'node:net'
import {
  argumentError,
  checkOptions as checkNames,
  isAnything,
  isInteger,
  isString,
  isText,
  type Checks
} from '../options.js'
import { pageSize } from './pool.js'
import { parseSize } from './size.js'

/** Where something listens for TCP. */
export interface EndpointOptions {
  /** A name or address of this machine: 127.0.0.1 unless given. */
  host?: string | undefined
  /** 0 for any free one. */
  port?: number | undefined
}

/** Options of `Store.start`. */
export interface StoreOptions {
  /** Path of the Unix socket; without it one in a fresh directory that only this user can enter. */
  socket?: string | undefined
  /** Shared memory for blobs: bytes, or a text like '256Mi' (the default). Rounded up to whole pages. */
  size?: number | string | undefined
  /**
   * An endpoint for clients without shared memory. `host` is 127.0.0.1 unless given; any other than loopback needs
   * `username` and `password`. `port` is 9600 unless given, 0 for any free one.
   */
  rpc?: EndpointOptions | undefined
  /**
   * Metrics for Prometheus at `http://host:port/metrics`. `host` is 127.0.0.1 unless given, where any user of the machine
   * can read them; any other than loopback needs `username` and `password`, which readers there have to send. `port` is 0,
   * any free one, unless given: `metricsUrl` tells.
   */
  metrics?: EndpointOptions | undefined
  /** A page that shows the store, for browsers on this machine only. `port` is 0 unless given: `uiUrl` tells. */
  ui?: Pick<EndpointOptions, 'port'> | undefined
  /** With `password`: clients must register with both. */
  username?: string | undefined
  /** Goes with `username`; both travel in plain text. */
  password?: string | undefined
  /**
   * How many connections there may be at a time, three quarters of them over the network; for further ones the oldest that
   * has not registered is closed, or they are. Default 4096.
   */
  maxConnections?: number | undefined
  /** Longest request, in bytes. A longer one ends its connection. Default and upstream's limit: 256 MiB. */
  maxFrame?: number | undefined
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

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** On this machine, unless it was said otherwise. Other machines may only reach what asks them who they are. */
function endpointOf(
  name: string,
  { host = '127.0.0.1', port }: EndpointOptions,
  portUnlessGiven: number,
  authenticated: boolean
): RpcOptions {
  if (!authenticated && !isLoopback(host)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `The "${name}.host" option is '${host}', which other machines can reach: "username" and "password" are needed`
    )
  }
  return { host, port: port ?? portUnlessGiven }
}

const isPort = isInteger(0, 65535)
const endpointChecks = { host: isText, port: isPort }

const storeChecks = {
  socket: isText,
  size: isAnything,
  rpc: value => checkNames(value, endpointChecks, { of: 'rpc' }),
  metrics: value => checkNames(value, endpointChecks, { of: 'metrics' }),
  ui: value => checkNames(value, { port: isPort }, { of: 'ui' }),
  username: isString,
  password: isString,
  maxConnections: isInteger(1, 1_000_000),
  maxFrame: isInteger(1, upstreamMaxFrame)
} satisfies Checks

/**
 * Checks the options of a store. Throws TypeError (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`) or RangeError
 * (`ERR_OUT_OF_RANGE`).
 */
export function checkOptions(options: unknown): CheckedOptions {
  checkNames(options, storeChecks)
  const given = options as StoreOptions
  if ((given.username === undefined) !== (given.password === undefined)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'The "username" and "password" options must be given together'
    )
  }
  const { socket, rpc, metrics, ui, username = '', password = '' } = given
  if (socket?.includes('\0')) {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'The "socket" option must be a path')
  }
  const size = Math.ceil(parseSize(given.size ?? '256Mi') / pageSize) * pageSize
  if (size > maxSize) throw argumentError('ERR_OUT_OF_RANGE', 'The "size" option must be less than 256Gi')
  return {
    socket,
    size,
    username,
    password,
    maxConnections: given.maxConnections ?? 4096,
    maxFrame: given.maxFrame ?? upstreamMaxFrame,
    rpc: rpc && endpointOf('rpc', rpc, defaultPort, password !== ''),
    metrics: metrics && endpointOf('metrics', metrics, 0, password !== ''),
    ui: ui && endpointOf('ui', ui, 0, password !== '')
  }
}
