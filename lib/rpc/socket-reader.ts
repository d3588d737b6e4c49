import type { OnReadOpts } from 'node:net'
import type { TcpChannel } from './tcp-channel.js'

/** What one read of small things takes at most. */
const bufferBytes = 256 * 1024

/**
 * What a socket reads into (its option `onread`): one buffer that is used again and again, or, where the rest of a blob is
 * larger than that, the memory that the blob is meant for.
 */
export class SocketReader {
  readonly options: OnReadOpts
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #channel: TcpChannel | undefined
  /** Whether the next bytes arrive where they belong. */
  #direct = false

  /** `arrived` is called after each read. */
  constructor(arrived: () => void = () => {}) {
    this.options = {
      buffer: () => this.#next(),
      callback: length => {
        arrived()
        this.#received(length)
        return true
      }
    }
  }

  /** What is read from now on is the channel's. */
  attach(channel: TcpChannel): void {
    this.#channel = channel
  }

  #next(): Uint8Array {
    const room = this.#channel?.room
    this.#direct = room !== undefined && room.length >= bufferBytes
    return this.#direct ? (room as Uint8Array) : this.#buffer
  }

  #received(length: number): void {
    if (this.#direct) this.#channel?.filled(length)
    else this.#channel?.receive(this.#buffer.subarray(0, length))
  }
}
