import type { Socket } from 'node:net'
import { native } from '../native.js'
import { descriptorOf } from './socket-descriptor.js'

/** A client's connection over TCP whose other end does not acknowledge is given up after so many ms. */
export const clientLineMs = 20_000
/**
 * The same of the store. The kernel counts as well how long the other end has no room, which is so while a client computes
 * and a blob is on its way to it: as long as a client itself waits for a blob unless told otherwise.
 */
export const storeLineMs = 60_000

/** Keep-alive asks so often, in ms, once it has begun (libuv's choice). */
const probeInterval = 1000

/**
 * Bounds how long a connected socket goes on over a line that is cut and tells nobody, or to a machine that has gone: it
 * fails then with ETIMEDOUT, within `ms` and two seconds. Keep-alive alone sees that only while nothing is under way: what has been
 * sent and is not acknowledged, such as a request to wait for a chunk, Linux sends again for a quarter of an hour.
 */
export function limitLine(socket: Socket, ms: number): void {
  // From the first question to the limit there is time for several answers.
  socket.setKeepAlive(true, Math.max((ms * 3) / 4, probeInterval))
  const fd = descriptorOf(socket)
  if (fd < 0) return
  try {
    native.limitUnacknowledged(fd, Math.ceil(ms))
  } catch {
    // Where the kernel has no such limit keep-alive remains.
  }
}
