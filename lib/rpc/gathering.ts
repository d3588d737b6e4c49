import type { Socket } from 'node:net'
import { native } from '../native.js'
import { descriptorOf } from './socket-descriptor.js'

/**
 * So much of a blob is read at once: with fewer bytes each time receiving 32 MiB over loopback takes a third longer, for
 * both ends, which wake each other for each packet; with several MiB the ends wait for each other.
 */
const gatheredBytes = 512 * 1024

/** After this part of the time single bytes count again: silence is noticed later by as much at most. */
const gatheringShare = 1 / 16

/**
 * Lets a socket gather a good part of a blob before it becomes readable. That hides whether anything moves at all, so the
 * socket's timer for silence is kept here as well: it first looks whether there are fewer bytes than were waited for.
 */
export class Gathering {
  readonly #socket: Socket
  #silence = 0
  /** What the socket's timer is set to. */
  #timed = 0
  #least = 1

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** The socket emits 'timeout' when nothing has moved for `ms`; 0 ends that. */
  limitSilence(ms: number): void {
    this.#silence = ms
    this.#time(this.#patience)
  }

  /** So many bytes of a blob are still to come, 0 if what comes next is something else. To be called after each read. */
  expect(bytes: number): void {
    this.#setLeast(bytes < gatheredBytes ? 1 : gatheredBytes)
    if (this.#patience !== this.#timed) this.#time(this.#patience)
  }

  /** After 'timeout': whether less than was waited for may have come. It is read now; the rest of the time begins. */
  relax(): boolean {
    if (this.#least === 1) return false
    this.#setLeast(1)
    this.#time(this.#silence * (1 - gatheringShare))
    return true
  }

  /** How long nothing may be heard of the socket, in ms. */
  get #patience(): number {
    return this.#least > 1 ? this.#silence * gatheringShare : this.#silence
  }

  #setLeast(bytes: number): void {
    const fd = bytes === this.#least ? -1 : descriptorOf(this.#socket)
    if (fd < 0) return
    try {
      native.receiveAtLeast(fd, bytes)
      this.#least = bytes
    } catch {
      // It is not known here: reads are smaller.
    }
  }

  #time(ms: number): void {
    this.#timed = ms
    this.#socket.setTimeout(ms)
  }
}
