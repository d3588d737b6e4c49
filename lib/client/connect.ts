import { connect as connectSocket, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { AbortError, throwIfAborted } from '../abort.js'
import { VineyardError } from '../errors.js'
import { native, type Channel, type NativeError } from '../native.js'
import { clientLineMs, limitLine } from '../rpc/line-limit.js'
import { quickAck } from '../rpc/quick-ack.js'
import { SocketReader } from '../rpc/socket-reader.js'
import { TcpChannel } from '../rpc/tcp-channel.js'
import type { ConnectionSettings } from './settings.js'

/** Replies have no limit upstream; this bounds what a broken server can make us buffer. */
const maxReply = 2 ** 30

/** How often a connect is tried again while the listener's backlog is full: no event tells when it is not. */
const backlogRetryMs = 5

/** The least that a line may be silent, in ms. */
const shortestLineMs = 1000

/** Connects to a Unix socket. Rejects with ERR_VINEYARD_CONNECT, ERR_VINEYARD_TIMEOUT or AbortError. */
export async function connectUnix(settings: ConnectionSettings, signal?: AbortSignal): Promise<Channel> {
  const started = performance.now()
  for (;;) {
    try {
      return native.connect(settings.address, maxReply)
    } catch (error) {
      if ((error as NativeError).code !== 'EAGAIN') throw cannotConnect(settings.address, error as Error)
      if (settings.timeout > 0 && performance.now() - started > settings.timeout) throw noAnswer(settings)
    }
    try {
      await delay(backlogRetryMs, undefined, signal === undefined ? {} : { signal })
    } catch {
      throw new AbortError(signal?.reason)
    }
  }
}

/** Connects over TCP. Rejects with ERR_VINEYARD_CONNECT, ERR_VINEYARD_TIMEOUT or AbortError. */
export async function connectTcp(
  endpoint: { host: string; port: number },
  settings: ConnectionSettings,
  signal?: AbortSignal
): Promise<TcpChannel> {
  throwIfAborted(signal)
  const reader = new SocketReader(() => acknowledge())
  const socket = connectSocket({ ...endpoint, onread: reader.options })
  const acknowledge = quickAck(socket)
  try {
    await connected(socket, settings, signal)
  } catch (error) {
    socket.destroy()
    throw error
  }
  limitLine(socket, lineMs(settings))
  const channel = new TcpChannel(socket, maxReply)
  reader.attach(channel)
  return channel
}

/** Whoever wants answers sooner wants to know as soon that none can come; below a second it might be a single lost packet. */
function lineMs({ timeout }: ConnectionSettings): number {
  return timeout > 0 ? Math.min(Math.max(timeout, shortestLineMs), clientLineMs) : clientLineMs
}

function connected(socket: Socket, settings: ConnectionSettings, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const { timeout, address } = settings
    const timer = timeout > 0 ? setTimeout(() => end(noAnswer(settings)), timeout) : undefined
    const onAbort = (): void => end(new AbortError(signal?.reason))
    const onError = (error: Error): void => end(cannotConnect(address, error))
    const onConnect = (): void => end()
    const end = (error?: Error): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.off('error', onError)
      socket.off('connect', onConnect)
      // What fails after this has nobody else to tell.
      socket.on('error', () => {})
      if (error === undefined) resolve()
      else reject(error)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.once('error', onError)
    socket.once('connect', onConnect)
  })
}

function cannotConnect(address: string, cause: Error): VineyardError {
  return new VineyardError('ERR_VINEYARD_CONNECT', `cannot connect to ${address}: ${cause.message}`, {
    cause
  })
}

function noAnswer({ address, timeout }: ConnectionSettings): VineyardError {
  return new VineyardError('ERR_VINEYARD_TIMEOUT', `${address} accepted nobody within ${timeout} ms`)
}
