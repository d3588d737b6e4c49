import { createServer, Socket, type AddressInfo, type Server } from 'node:net'
import { hostname } from 'node:os'
import { VineyardError } from '../../errors.js'
import { native, type NativeError } from '../../native.js'
import { formatEndpoint } from '../../rpc/endpoint.js'
import { limitLine, storeLineMs } from '../../rpc/line-limit.js'
import { descriptorOf } from '../../rpc/socket-descriptor.js'
import { SocketReader } from '../../rpc/socket-reader.js'
import { TcpChannel } from '../../rpc/tcp-channel.js'
import type { RpcOptions } from '../options.js'

const backlog = 511

/** The port that clients without shared memory connect to. */
export class TcpListener {
  /** `host:port` for clients: the host as it was given, or this machine's name where it listens on all addresses. */
  readonly endpoint: string
  readonly #server: Server
  readonly #maxFrame: number

  private constructor(server: Server, host: string, maxFrame: number) {
    this.#server = server
    this.#maxFrame = maxFrame
    const { port } = server.address() as AddressInfo
    const everywhere = host === '0.0.0.0' || host === '::'
    this.endpoint = formatEndpoint(everywhere ? hostname() : host, port)
  }

  /** Rejects with ERR_VINEYARD_EXISTS where the port is taken, ERR_VINEYARD_SERVER for what else the system refuses. */
  static async start({ host, port }: RpcOptions, maxFrame: number): Promise<TcpListener> {
    const server = createServer({ pauseOnConnect: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NativeError) => {
        const code = cause.code === 'EADDRINUSE' ? 'ERR_VINEYARD_EXISTS' : 'ERR_VINEYARD_SERVER'
        reject(
          new VineyardError(code, `cannot listen on ${formatEndpoint(host, port)} (${cause.code})`, { cause })
        )
      })
      server.listen({ host, port, backlog }, resolve)
    })
    server.removeAllListeners('error')
    // Failures to accept (no descriptors left) pass; the listener goes on.
    server.on('error', () => {})
    return new TcpListener(server, host, maxFrame)
  }

  onConnection(listener: (channel: TcpChannel) => void): void {
    this.#server.on('connection', socket => listener(channelOf(socket, this.#maxFrame)))
  }

  ref(): void {
    this.#server.ref()
  }

  unref(): void {
    this.#server.unref()
  }

  /** Stops listening; connections stay. */
  close(): void {
    this.#server.close()
  }
}

/**
 * Blobs are received where they will lie. Node lets nobody choose what an accepted socket reads into, only one that is made
 * for a descriptor: so another takes its place.
 */
function channelOf(accepted: Socket, maxFrame: number): TcpChannel {
  const fd = descriptorOf(accepted)
  limitLine(accepted, storeLineMs)
  if (fd < 0) return new TcpChannel(accepted, maxFrame)
  const reader = new SocketReader()
  // The types of Node do not list `onread` here.
  const options = { fd: native.duplicate(fd), readable: true, writable: true, onread: reader.options }
  const socket = new Socket(options)
  accepted.destroy()
  const channel = new TcpChannel(socket, maxFrame)
  reader.attach(channel)
  return channel
}
