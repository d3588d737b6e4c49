import { argumentError } from '../options.js'

const defaultPort = 9600

/** `host:port`, `[::1]:port` or a host alone (port 9600). Throws ERR_INVALID_ARG_VALUE. */
export function parseEndpoint(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+))(?::([0-9]{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  if (host === undefined || port > 65535) {
    throw argumentError('ERR_INVALID_ARG_VALUE', `An RPC endpoint must be host:port. Received '${text}'`)
  }
  return { host, port }
}

export function formatEndpoint(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
