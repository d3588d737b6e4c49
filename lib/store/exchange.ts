import type { RawReceiver, TcpChannel } from '../rpc/tcp-channel.js'

/** A request that brings the bytes of blobs: go-ahead, bytes, reply. */
export class Upload {
  #over = false
  readonly #finish: () => string
  readonly #letGo: () => void

  /** `finish` composes the reply when all bytes are there; `letGo` runs once, however it ends. */
  constructor(
    readonly goAhead: string,
    readonly receiver: RawReceiver,
    finish: () => string,
    letGo: () => void
  ) {
    this.#finish = finish
    this.#letGo = letGo
  }

  finish(): string {
    try {
      return this.#finish()
    } finally {
      this.end()
    }
  }

  /** The connection has ended, or all is done. */
  end(): void {
    if (this.#over) return
    this.#over = true
    this.#letGo()
  }
}

/** A request whose reply is followed by the bytes of blobs. */
export class Download {
  constructor(
    readonly reply: string,
    /** Sends the bytes and lets go of the blobs, also if the channel closes meanwhile. */
    readonly send: (channel: TcpChannel) => Promise<void>
  ) {}
}
