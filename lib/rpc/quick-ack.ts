import type { Socket } from 'node:net'
import { native } from '../native.js'
import { descriptorOf } from './socket-descriptor.js'

/**
 * A function that acknowledges at once what the socket has received; to be called after each read. A vineyardd holds a
 * small packet back until the one before it has been acknowledged (Nagle's algorithm), which the kernel of an end that
 * has nothing to send puts off for 40 ms: twice that for each small chunk of a stream.
 */
export function quickAck(socket: Socket): () => void {
  let works = true
  return () => {
    const fd = descriptorOf(socket)
    if (!works || fd < 0) return
    try {
      native.quickAck(fd)
    } catch {
      // Only slower.
      works = false
    }
  }
}
