import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { VineyardError } from '../../errors.js'

export interface Endpoint {
  host: string
  port: number
}

/** What answers a GET, by path. */
export type Pages = Record<string, (request: IncomingMessage, response: ServerResponse) => void>

const loopback = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** A small HTTP server that shows a store and changes nothing. */
export class WatchEndpoint {
  readonly #server: Server
  readonly url: string

  private constructor(server: Server, host: string) {
    this.#server = server
    const { port } = server.address() as AddressInfo
    this.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  /** Rejects with ERR_VINEYARD_EXISTS where somebody else uses the port, ERR_VINEYARD_SERVER for what else is refused. */
  static async start({ host, port }: Endpoint, pages: Pages): Promise<WatchEndpoint> {
    const guarded = host.startsWith('127.') || host === '::1' || host === 'localhost'
    const server = createServer((request, response) => answer(pages, guarded, request, response))
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

/**
 * On loopback only requests that name it are answered: a page of somebody else's whose name leads to 127.0.0.1 could
 * otherwise read what is here.
 */
function answer(pages: Pages, guarded: boolean, request: IncomingMessage, response: ServerResponse): void {
  const { host = '', 'sec-fetch-site': site = 'none' } = request.headers
  const named = host.replace(/:\d+$/, '')
  if ((guarded && !loopback.has(named) && !named.startsWith('127.')) || site === 'cross-site') {
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
