import { VineyardError } from '../errors.js'
import { stringifyJson, type JsonObject } from '../protocol/json.js'
import { CompressedReceiver, PlainReceiver, sendBlobs, type BlobBytes } from '../rpc/blob-transfer.js'
import type { TcpChannel } from '../rpc/tcp-channel.js'
import type { RequestBody } from './connection.js'
import type { Pending, RequestLine } from './request-line.js'

/** What the exchange tells its connection. */
export interface ExchangeEvents {
  /** What is under way has changed. */
  onChange(): void
  /** The connection cannot be used any more. */
  onFailed(error: VineyardError): void
}

/**
 * Over TCP the bytes of blobs follow a request or a reply. No other request may be sent before they have all passed: the
 * server would take it for bytes, or, where it sends them itself, a vineyardd puts its reply between them.
 */
export class BlobExchange {
  readonly #tcp: TcpChannel
  readonly #line: RequestLine
  readonly #events: ExchangeEvents
  /** Whether blobs are compressed on their way. */
  compresses = false
  /** The bytes of blobs are on their way; their request is in no line any more. */
  #transferring: Pending | undefined
  /** From a request that bytes follow until they have all passed. */
  #exchanging = false
  /** What is to be sent after that. */
  #outbox: (() => void)[] = []
  #closed = false

  constructor(tcp: TcpChannel, line: RequestLine, events: ExchangeEvents) {
    this.#tcp = tcp
    this.#line = line
    this.#events = events
  }

  /** Whether bytes are on their way to this end. */
  get transferring(): boolean {
    return this.#transferring !== undefined
  }

  /** Calls `send` now or when the bytes of blobs have passed. */
  transmit(send: () => void): void {
    if (this.#exchanging) this.#outbox.push(send)
    else send()
  }

  /** Sends a request, then bytes when the server gives its go-ahead, and waits for its second reply. */
  upload(body: RequestBody, replyType: string, bytes: () => readonly BlobBytes[]): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      const done: Pending = { replyType, waits: true, returns: false, resolve, reject }
      this.#start(body, {
        replyType,
        waits: false,
        returns: false,
        resolve: () => {},
        reject: error => {
          this.#exchanged()
          reject(error)
        },
        transfer: () => void this.#sendBytes(done, bytes)
      })
    })
  }

  /** Sends a request whose reply is followed by bytes, for which `targets` finds memory. */
  download(
    body: RequestBody,
    replyType: string,
    targets: (reply: JsonObject) => readonly Uint8Array[]
  ): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        replyType,
        waits: false,
        returns: false,
        resolve: reply => {
          this.#exchanged()
          resolve(reply)
        },
        reject: error => {
          this.#exchanged()
          reject(error)
        },
        transfer: reply => this.#receiveBytes(pending, reply, targets(reply))
      }
      this.#start({ ...body, compress: this.compresses }, pending)
    })
  }

  /** Nothing more is sent, and nobody waits for the bytes that are on their way. */
  refuse(error: VineyardError): void {
    this.#closed = true
    this.#outbox = []
    this.#transferring?.reject(error)
  }

  /** The same, and no bytes are on their way. */
  end(error: VineyardError): void {
    this.refuse(error)
    this.#transferring = undefined
  }

  #start(body: RequestBody, pending: Pending): void {
    this.#line.push(pending)
    this.#events.onChange()
    this.transmit(() => {
      this.#exchanging = true
      this.#tcp.send(stringifyJson(body))
    })
  }

  #exchanged(): void {
    this.#exchanging = false
    while (!this.#exchanging && !this.#closed) {
      const next = this.#outbox.shift()
      if (next === undefined) return
      next()
    }
  }

  async #sendBytes(done: Pending, bytes: () => readonly BlobBytes[]): Promise<void> {
    // The next reply is this one's. It is timed from when the server has everything.
    this.#line.pushFirst(done)
    this.#events.onChange()
    this.#limitSilence()
    try {
      await sendBlobs(this.#tcp, bytes(), this.compresses)
    } catch (error) {
      // The server waits for bytes that will never come.
      const message = `the bytes of a blob could not be made: ${(error as Error).message}`
      this.#events.onFailed(new VineyardError('ERR_VINEYARD_CONNECTION_LOST', message, { cause: error }))
      return
    }
    this.#tcp.limitSilence(0)
    done.waits = false
    this.#line.headChanged()
    this.#exchanged()
  }

  #receiveBytes(pending: Pending, reply: JsonObject, targets: readonly Uint8Array[]): void {
    const compressed = reply['compress'] === true
    const receiver = compressed ? new CompressedReceiver(targets) : new PlainReceiver(targets)
    this.#transferring = pending
    this.#line.pause()
    this.#events.onChange()
    this.#limitSilence()
    this.#tcp.receiveRaw(receiver, () => {
      this.#tcp.limitSilence(0)
      this.#transferring = undefined
      this.#line.resume()
      this.#events.onChange()
      pending.resolve(reply)
    })
  }

  /** While the bytes of blobs are on their way nothing is timed but their progress. */
  #limitSilence(): void {
    const ms = this.#line.timeout
    this.#tcp.limitSilence(ms, () => {
      const message = `no byte of a blob moved for ${ms} ms`
      this.#events.onFailed(new VineyardError('ERR_VINEYARD_TIMEOUT', message))
    })
  }
}
