import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { PassThrough, type Duplex } from 'node:stream'

/** A link that can be cut, slowed down, or fall silent: TCP from a port of its own to an endpoint. */
export class TcpProxy {
  readonly #server: Server
  readonly #sockets = new Set<Duplex>()
  /** Bytes that still pass, in both directions together. */
  #left = Infinity
  /** What is not passed on, but ends everything, when it goes by so many times. */
  #trap: { text: string; left: number } | undefined

  private constructor(server: Server) {
    this.#server = server
  }

  /** `delay` in ms is added to everything that is sent, in each direction; `rate` bytes go through in a millisecond. */
  static async start(endpoint: string, delay = 0, rate = Infinity): Promise<TcpProxy> {
    const { hostname, port } = new URL(endpoint.replace('tcp:', 'http:'))
    const server = createServer()
    const proxy = new TcpProxy(server)
    server.on('connection', near => {
      const far = connect(Number(port), hostname)
      proxy.#join(near, far, bytes => delay + bytes / rate)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get address(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Ends all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Ends all connections instead of passing on the `nth` frame in which this text stands. */
  cutAt(text: string, nth: number): void {
    this.#trap = { text, left: nth }
  }

  /** Nothing passes any more, and nobody is told. */
  silence(): void {
    for (const socket of this.#sockets) {
      socket.unpipe()
      socket.pause()
    }
  }

  /** Falls silent when about so many more bytes have passed. */
  silenceAfter(bytes: number): void {
    this.#left = bytes
  }

  close(): void {
    this.#server.close()
    this.cut()
  }

  #join(near: Socket, far: Socket, delay: (bytes: number) => number): void {
    for (const [from, to] of [
      [near, far],
      [far, near]
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => {})
      from.once('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      from.on('data', (bytes: Buffer) => {
        this.#left -= bytes.length
        if (this.#left < 0) this.silence()
        if (this.#springs(bytes)) this.cut()
      })
      if (delay(1) === 0) from.pipe(to)
      else from.pipe(later(delay)).pipe(to)
    }
  }

  #springs(bytes: Buffer): boolean {
    const trap = this.#trap
    if (trap === undefined || !bytes.includes(trap.text)) return false
    trap.left -= 1
    if (trap.left > 0) return false
    this.#trap = undefined
    return true
  }
}

function later(ms: (bytes: number) => number): Duplex {
  const stream = new PassThrough()
  stream._transform = (chunk: Buffer, _encoding, callback) =>
    void setTimeout(() => callback(null, chunk), ms(chunk.length))
  return stream
}
