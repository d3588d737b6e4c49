import { throwIfAborted } from '../abort.js'
import { connectTracing, errorChannel, requestTracing, type ConnectMessage } from '../diagnostics/channels.js'
import '../diagnostics/debug-log.js'
import { traced } from '../diagnostics/trace.js'
import { VineyardError } from '../errors.js'
import { Descriptors } from '../memory/descriptors.js'
import { native, type Channel, type ChannelMessage, type NativeError } from '../native.js'
import { readEvent, type StoreEvent } from '../protocol/extension.js'
import { messageText, stringifyJson, type JsonObject, type Stringifiable } from '../protocol/json.js'
import type { BlobBytes } from '../rpc/blob-transfer.js'
import { TcpChannel, type FrameChannel } from '../rpc/tcp-channel.js'
import { BlobExchange } from './blob-exchange.js'
import { connectTcp, connectUnix } from './connect.js'
import { patienceMs } from './patience.js'
import { readRegistration, registration, type ServerInfo } from './registration.js'
import { ReplyFrames } from './reply-frames.js'
import { RequestLine, type Pending } from './request-line.js'
import type { ConnectionSettings } from './settings.js'

/** What the functions of `requests/` need of a connection. */
export type Requester = Pick<Connection, 'request' | 'extended'>

export interface RequestOptions {
  /** The reply may depend on somebody else. */
  waits?: boolean
  /** It is made ahead of need: it does not keep the process alive, `hold` does for whoever comes to wait for it. */
  ahead?: boolean
}

/** What the line is told of a request. */
type Kind = Required<Pick<Pending, 'replyType' | 'waits' | 'ahead' | 'returns'>>

export interface RequestBody {
  readonly type: string
  readonly [key: string]: Stringifiable
}

/** Tells a store that nothing more will come, and that the leases stay. */
const keepLeases = stringifyJson({ type: 'keep_leases' })

/**
 * One registered connection: requests go out as they come (pipelined), replies come back in the same order. A waiting
 * request blocks those behind it, so whoever waits has a connection of its own.
 */
export class Connection {
  readonly descriptors = new Descriptors()
  readonly #channel: FrameChannel
  /** Over TCP. */
  readonly #exchange: BlobExchange | undefined
  readonly #line: RequestLine
  readonly #frames: ReplyFrames
  readonly #address: string
  readonly #eventListeners = new Set<(event: StoreEvent) => void>()
  readonly #closeListeners = new Set<(error: VineyardError) => void>()
  #info: ServerInfo | undefined
  /** Requests of this turn of the event loop that go out at its end. */
  readonly #outgoing: string[] = []
  #holds = 0
  /** Whether it keeps the process alive. */
  #keeps = false
  #tickets = 0
  #leases = 0
  #closing = false
  /** It has failed, and its socket is open only for the leases that are to be returned. */
  #onlyLeases = false
  /** Replies that a vineyardd still owes then. */
  #unanswered = 0
  #failure: VineyardError | undefined
  #successor: Connection | undefined

  private constructor(channel: FrameChannel, { address, timeout }: ConnectionSettings) {
    this.#channel = channel
    this.#address = address
    this.#line = new RequestLine(timeout, ({ replyType }, ms) => {
      this.#finish(new VineyardError('ERR_VINEYARD_TIMEOUT', `no ${replyType} within ${ms} ms`))
    })
    if (channel instanceof TcpChannel) {
      this.#exchange = new BlobExchange(channel, this.#line, {
        onChange: () => this.#updateRef(),
        onFailed: error => this.#finish(error)
      })
    }
    this.#frames = new ReplyFrames(this.descriptors, !this.remote, {
      expectsReply: () => !this.#line.empty,
      onEvent: message => {
        const event = readEvent(message)
        for (const listener of this.#eventListeners) listener(event)
      },
      onReply: reply => this.#settle(reply)
    })
    channel.start({
      onMessages: messages => this.#onMessages(messages),
      onDrain: () => {},
      onClose: error => this.#onClose(error)
    })
    channel.unref()
  }

  /** Connects and registers. Rejects with ERR_VINEYARD_CONNECT, ERR_VINEYARD_AUTH, ERR_VINEYARD_TIMEOUT or AbortError. */
  static async open(settings: ConnectionSettings, signal?: AbortSignal): Promise<Connection> {
    if (!connectTracing.hasSubscribers) return Connection.#open(settings, signal)
    const message: ConnectMessage = { address: settings.address, extension: undefined }
    // The connection itself is nobody's business but the caller's.
    let connection: Connection | undefined
    await connectTracing.tracePromise(async () => {
      connection = await Connection.#open(settings, signal)
      message.extension = connection.info.extension
    }, message)
    return connection as Connection
  }

  static async #open(settings: ConnectionSettings, signal?: AbortSignal): Promise<Connection> {
    throwIfAborted(signal)
    const { endpoint } = settings
    const channel = await (endpoint === undefined
      ? connectUnix(settings, signal)
      : connectTcp(endpoint, settings, signal))
    const connection = new Connection(channel, settings)
    const onAbort = (): void => connection.close()
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await connection.#register(settings)
      return connection
    } catch (error) {
      connection.close()
      throwIfAborted(signal)
      throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  get info(): ServerInfo {
    if (this.#info === undefined)
      throw new VineyardError('ERR_VINEYARD_CLOSED', 'the connection is not registered')
    return this.#info
  }

  get extended(): boolean {
    return this.info.extension > 0
  }

  /** Says that nobody waits here for what may take long, as a chunk may. */
  expectQuickReplies(): void {
    // Not on a vineyardd, where it was measured to cost streams more than it gains (benchmarks/README.md).
    if (this.extended) this.#channel.busyPoll(true)
  }

  /** Whether blobs travel through this connection instead of being mapped. */
  get remote(): boolean {
    return this.#exchange !== undefined
  }

  /** Whether the server runs in this process's pid namespace, or in one below: who asks the kernel gets 0 otherwise. */
  get seesServer(): boolean {
    return !(this.#channel instanceof TcpChannel) && (this.#channel as Channel).peer.pid !== 0
  }

  /** Whether the server, if it is the store, knows what `scoped` means: over TCP it does not say that it is. */
  get scopes(): boolean {
    return this.extended || this.remote
  }

  /** Where the server is. */
  get address(): string {
    return this.#address
  }

  get closed(): boolean {
    return this.#failure !== undefined || this.#closing
  }

  /** Whether it has ended otherwise than by being closed here. */
  get lost(): boolean {
    return this.#failure !== undefined && this.#failure.code !== 'ERR_VINEYARD_CLOSED'
  }

  /** Names the connection that takes back what this one made and could not use, once this one has ended. */
  succeedBy(successor: Connection): void {
    this.#successor = successor
  }

  /** That connection, if this one has ended and the server does not take it back by itself. */
  get successor(): Connection | undefined {
    return this.closed && !this.extended ? this.#successor : undefined
  }

  /** When the server answered last, or was asked while nothing was under way, as `performance.now()` tells it. */
  get answered(): number {
    return this.#line.headSince
  }

  /** Sends a request and waits for its reply. An error reply rejects with VineyardError. */
  request(body: RequestBody, replyType: string, options?: RequestOptions): Promise<JsonObject> {
    if (this.closed) return Promise.reject(this.#failure ?? closedError())
    const kind = kindOf(replyType, options)
    return this.#traced(body, kind.waits, () => this.#send(body, kind))
  }

  /**
   * Over TCP: sends a request, then the bytes of blobs when the server gives its go-ahead, and waits for its second
   * reply. Requests that are made meanwhile go out after that. `bytes` is asked for when its turn has come.
   */
  upload(body: RequestBody, replyType: string, bytes: () => readonly BlobBytes[]): Promise<JsonObject> {
    return this.#exchanged(body, exchange => exchange.upload(body, replyType, bytes))
  }

  /** Over TCP: sends a request whose reply is followed by bytes, for which `targets` finds memory. */
  download(
    body: RequestBody,
    replyType: string,
    targets: (reply: JsonObject) => readonly Uint8Array[]
  ): Promise<JsonObject> {
    return this.#exchanged(body, exchange => exchange.download(body, replyType, targets))
  }

  #exchanged(body: RequestBody, work: (exchange: BlobExchange) => Promise<JsonObject>): Promise<JsonObject> {
    if (this.closed) return Promise.reject(this.#failure ?? closedError())
    return this.#traced(body, false, () => work(this.#exchange as BlobExchange))
  }

  #traced(body: RequestBody, waits: boolean, send: () => Promise<JsonObject>): Promise<JsonObject> {
    if (!requestTracing.hasSubscribers) return send()
    return traced(requestTracing, send, { type: body.type, waits, address: this.#address })
  }

  /** Whether blobs are compressed on their way. */
  get compresses(): boolean {
    return this.#exchange?.compresses ?? false
  }

  /** The same for a request whose `fields` are JSON text already. */
  requestText(
    type: string,
    fields: string,
    replyType: string,
    options?: RequestOptions
  ): Promise<JsonObject> {
    if (this.closed) return Promise.reject(this.#failure ?? closedError())
    const kind = kindOf(replyType, options)
    const text = `{"type":"${type}",${fields}}`
    if (!requestTracing.hasSubscribers) return this.#sendText(text, kind)
    return this.#traced({ type }, kind.waits, () => this.#sendText(text, kind))
  }

  /** Sends a one-way message of the extension; nothing answers it. Does nothing on a closed connection. */
  notify(body: RequestBody): void {
    if (this.#failure === undefined) this.#channel.send(stringifyJson(body))
  }

  /** The same for a message that has been composed already. */
  notifyText(text: string): void {
    if (this.#failure === undefined) this.#channel.send(text)
  }

  /** For a request that can be recalled. */
  nextTicket(): number {
    return (this.#tickets += 1)
  }

  onEvent(listener: (event: StoreEvent) => void): () => void {
    this.#eventListeners.add(listener)
    return () => this.#eventListeners.delete(listener)
  }

  /** Called once when the connection ends, by either side; at once if it has. */
  onClosed(listener: (error: VineyardError) => void): () => void {
    if (this.#failure !== undefined) listener(this.#failure)
    else this.#closeListeners.add(listener)
    return () => this.#closeListeners.delete(listener)
  }

  /** Keeps the process alive until the returned function is called: something waits that is not a request. */
  hold(): () => void {
    this.#holds += 1
    this.#updateRef()
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#holds -= 1
      this.#updateRef()
    }
  }

  /** Counts leases whose return goes through this connection; less than 0: that a message gives back which comes next. */
  addLeases(count: number): void {
    this.#leases += count
  }

  /**
   * Sends what gives `count` leases back, and lets a closed connection go when none is left. A real vineyardd answers
   * (`replyType`), the store's one-way message has no answer.
   */
  returnLeases(count: number, body: RequestBody, replyType?: string): void {
    this.#leases -= count
    if (this.#onlyLeases) {
      this.#channel.send(stringifyJson(body))
      if (replyType !== undefined) this.#unanswered += 1
      this.#endWhenLastReturned()
    }
    if (this.#failure !== undefined) return
    if (replyType === undefined) {
      this.notify(body)
    } else {
      // Nobody waits for it, and a lease that was deleted by somebody else is as good as returned.
      this.#send(body, { replyType, waits: false, ahead: false, returns: true }).catch(() => {})
    }
    this.#endWhenReturned('flush')
  }

  /** For another thread: keeps leases that are counted here, also when this thread ends before. Not over TCP. */
  holdLeases(): number {
    return (this.#channel as Channel).hold(keepLeases)
  }

  /**
   * Ends every waiting request with ERR_VINEYARD_CLOSED. While leases are held the socket stays open without keeping the
   * process alive, because closing it would let the store recycle memory that is being looked at. Idempotent.
   */
  close(): void {
    if (this.closed) return
    this.#closing = true
    this.#line.refuse(closedError())
    this.#exchange?.refuse(closedError())
    this.#updateRef()
    this.#endWhenReturned('discard')
  }

  /** Ends everything with `error`, as if the server had closed the connection. */
  lose(error: VineyardError): void {
    this.#finish(error)
  }

  #send(body: RequestBody, kind: Kind): Promise<JsonObject> {
    return this.#sendText(stringifyJson(body), kind)
  }

  #sendText(text: string, kind: Kind): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      // Field by field: a spread is slow, and this is done for each request.
      const { replyType, waits, ahead, returns } = kind
      this.#line.push({ replyType, waits, ahead, returns, resolve, reject })
      this.#updateRef()
      if (this.#exchange !== undefined) this.#exchange.transmit(() => void this.#channel.send(text))
      else if (this.#info?.extension === 0) this.#sendSoon(text)
      else this.#channel.send(text)
    })
  }

  /**
   * Requests to a vineyardd come in handfuls, one for each step of a chunk, and a call of the system that wakes it costs more
   * than making one: what a turn asks for goes out together, before the event loop goes on.
   */
  #sendSoon(text: string): void {
    this.#outgoing.push(text)
    if (this.#outgoing.length === 1) process.nextTick(() => this.#sendOutgoing())
  }

  #sendOutgoing(): void {
    if (this.#outgoing.length === 0) return
    this.#channel.sendAll(this.#outgoing)
    this.#outgoing.length = 0
  }

  /** A vineyardd is waited for until it has answered everything. */
  #endWhenLastReturned(): void {
    if (!this.#onlyLeases || this.#leases > 0 || this.#unanswered > 0) return
    this.#onlyLeases = false
    this.#channel.end()
  }

  /** A vineyardd that finds its client gone does not always do what it was asked for last, so the answer is awaited. */
  #endWhenReturned(queued: 'flush' | 'discard'): void {
    if (!this.#closing || this.#leases > 0) return
    if (!this.#line.returns) this.#finish(closedError(), queued)
    // A server that says nothing must not keep the process alive.
    else this.#line.hurry(patienceMs)
  }

  async #register(settings: ConnectionSettings): Promise<void> {
    const reply = await this.request(registration(settings), 'register_reply')
    this.#info = readRegistration(reply)
    if (this.#exchange !== undefined)
      this.#exchange.compresses = settings.compression && reply['support_rpc_compression'] === true
  }

  #onMessages(messages: ChannelMessage[]): void {
    for (const message of messages) {
      if (this.#failure !== undefined) {
        if (typeof message === 'number') native.closeFd(message)
        else if (this.#unanswered > 0) this.#unanswered -= 1
        this.#endWhenLastReturned()
        continue
      }
      try {
        this.#frames.take(message)
      } catch (error) {
        // The stream of replies has lost its order: nothing that follows can be trusted.
        this.#finish(asProtocolError(error))
      }
    }
  }

  #settle(reply: JsonObject): void {
    const pending = this.#line.shift() as Pending
    this.#updateRef()
    // The code comes first: a request that carried one is answered as that error, and a success never has one.
    if ('code' in reply) {
      pending.reject(
        VineyardError.fromStatus(Number(messageText(reply['code'])), messageText(reply['message'] ?? ''))
      )
    } else if (reply['type'] === pending.replyType) {
      if (pending.transfer === undefined) pending.resolve(reply)
      else pending.transfer(reply)
    } else {
      const error = new VineyardError(
        'ERR_VINEYARD_PROTOCOL',
        `expected ${pending.replyType}, the server answered ${messageText(reply['type'])}`
      )
      pending.reject(error)
      throw error
    }
    this.#endWhenReturned('discard')
  }

  #onClose(error: NativeError | null): void {
    this.#onlyLeases = false
    this.#leases = 0
    // A server that goes on ends no connection of a client that keeps to the protocol.
    this.descriptors.serverEnded()
    this.#finish(
      new VineyardError(
        'ERR_VINEYARD_CONNECTION_LOST',
        error === null ? 'the server closed the connection' : `the connection broke: ${error.message}`,
        error === null ? {} : { cause: error }
      )
    )
  }

  #finish(error: VineyardError, queued: 'flush' | 'discard' = 'discard'): void {
    if (this.#failure !== undefined) return
    this.#sendOutgoing()
    this.#failure = error
    if (errorChannel.hasSubscribers && error.code !== 'ERR_VINEYARD_CLOSED')
      errorChannel.publish({ error, stream: undefined, end: undefined, address: this.#address })
    if (this.#leases > 0) this.#keepLeases()
    else if (queued === 'flush') this.#channel.end()
    else this.#channel.close()
    this.descriptors.close()
    this.#exchange?.end(error)
    this.#line.end(error)
    for (const listener of this.#closeListeners) listener(error)
    this.#closeListeners.clear()
    this.#eventListeners.clear()
  }

  /**
   * The connection has failed, and its server may go on: closing the socket would let a store use memory again that is
   * being looked at, and nobody else would return the leases of a vineyardd.
   */
  #keepLeases(): void {
    this.#onlyLeases = true
    this.#channel.unref()
    if (this.extended) this.#channel.send(keepLeases)
    else this.#unanswered = this.#line.length
  }

  #updateRef(): void {
    if (this.#failure !== undefined) return
    const asked = this.#closing ? this.#line.returns : this.#line.awaited
    const transferring = this.#exchange?.transferring === true
    const kept = asked || transferring || (this.#holds > 0 && !this.#closing)
    if (kept === this.#keeps) return
    this.#keeps = kept
    if (kept) this.#channel.ref()
    else this.#channel.unref()
  }
}

function kindOf(replyType: string, options: RequestOptions | undefined): Kind {
  return { replyType, waits: options?.waits ?? false, ahead: options?.ahead ?? false, returns: false }
}

function closedError(): VineyardError {
  return new VineyardError('ERR_VINEYARD_CLOSED', 'the connection was closed by this process')
}

function asProtocolError(error: unknown): VineyardError {
  if (error instanceof VineyardError) return error
  const message = `a reply cannot be read: ${(error as Error).message}`
  return new VineyardError('ERR_VINEYARD_PROTOCOL', message, { cause: error })
}
