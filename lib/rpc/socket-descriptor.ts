import type { Socket } from 'node:net'

/** The descriptor of a socket, which Node has no public way to. -1 where there is none. */
export function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { fd?: unknown } | null }
  return typeof handle?.fd === 'number' ? handle.fd : -1
}
