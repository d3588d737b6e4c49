import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { VineyardError } from '../../errors.js'
import { isLoopback } from '../options.js'

export interface Endpoint {
  host: string
  port: number
}

/** What answers a GET, by path. */
export type Pages = Record<string, (request: IncomingMessage, response: ServerResponse) => void>

/** Whether somebody may look. */
export type Authenticate = (username: string, password: string) => boolean

/** A small HTTP server that shows a store and changes nothing. */
export class WatchEndpoint {
  readonly #server: Server
  readonly url: string

  private constructor(server: Server, host: string) {
    this.#server = server
    const { port } = server.address() as AddressInfo
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  /**
   * Whoever comes from another machine has to `authenticate` (HTTP Basic). Rejects with ERR_VINEYARD_EXISTS where somebody else uses the port, ERR_VINEYARD_SERVER for what else is refused.
   */
  static async start(
    { host, port }: Endpoint,
    pages: Pages,
    authenticate: Authenticate
  ): Promise<WatchEndpoint> {
    const allows = isLoopback(host) ? namesThisMachine : isKnown(authenticate)
    const server = createServer((request, response) => {
      if (allows(request, response)) answer(pages, request, response)
    })
    server.listen(port, host)
    try {
      await once(server, 'listening')
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      throw new VineyardError(
        code === 'EADDRINUSE' ? 'ERR_VINEYARD_EXISTS' : 'ERR_VINEYARD_SERVER',
        `cannot listen on ${host}:${port} (${code})`,
        { cause }
      )
    }
    return new WatchEndpoint(server, host)
  }

  ref(): void {
    this.#server.ref()
  }

  unref(): void {
    this.#server.unref()
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

/** Whether a request may be answered. If not, it has been refused. */
type Guard = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * On loopback only requests that name it are answered: a page of somebody else's whose name leads to 127.0.0.1 could
 * otherwise read what is here.
 */
const namesThisMachine: Guard = ({ headers: { host = '' } }, response) => {
  const named = host.replace(/:\d+$/, '')
  if (isLoopback(named.replace(/^\[(.*)\]$/, '$1'))) return true
  refuse(response, 403, 'this page is for browsers on the same machine')
  return false
}

function isKnown(authenticate: Authenticate): Guard {
  return ({ headers: { authorization = '' } }, response) => {
    const [, encoded = ''] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization) ?? []
    const [, username = '', password = ''] =
      /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
    if (authenticate(username, password)) return true
    response.setHeader('www-authenticate', 'Basic realm="vineyard-streams", charset="UTF-8"')
    refuse(response, 401, 'user name and password are needed')
    return false
  }
}

function answer(pages: Pages, request: IncomingMessage, response: ServerResponse): void {
  if (request.headers['sec-fetch-site'] === 'cross-site') {
    refuse(response, 403, 'this page is for browsers on the same machine')
    return
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    refuse(response, 405, 'only GET')
    return
  }
  const page = pages[(request.url ?? '/').replace(/[?#].*/, '')]
  if (page === undefined) refuse(response, 404, `not found; there is ${Object.keys(pages).join(', ')}`)
  else page(request, response)
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}

/** A page whose text does not change while the store runs. */
export function fixed(type: string, text: string): Pages[string] {
  return (_request, response) => {
    response
      .writeHead(200, {
        'content-type': `${type}; charset=utf-8`,
        'content-security-policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store'
      })
      .end(text)
  }
}
