import { setTimeout as delay } from 'node:timers/promises'
import { native, type ChannelMessage } from '../../native.js'
import { TcpChannel, type FrameChannel } from '../../rpc/tcp-channel.js'
import type { Dispatcher } from '../dispatcher.js'
import { errorReply } from '../dispatcher.js'
import { Download, Upload } from '../exchange.js'
import { Fifo } from '../fifo.js'
import { Peer } from '../peer.js'
import { closeConnection } from '../requests/handler.js'
import { Waiting } from '../waiting.js'
import type { Limits } from './limits.js'

/** A request that the bytes of blobs may follow, which are no frames. A cheap look before it is parsed. */
const bringsBytes = /"create_remote_buffers?_request"/

/** Reading pauses while this much is queued behind a request that waits. */
const maxQueuedFrames = 1024
const maxQueuedBytes = 1024 * 1024
/** A peer that goes on sending behind a waiting request in spite of that is cut off. */
const absurdBytes = 300 * 1024 * 1024
/** A paused connection looks this often whether its peer is still there, in ms. */
const pollInterval = 500
/** Whoever holds more memory of this process than this is counted with the others that do. */
const notableBytes = 1024 * 1024
/** No request is handled while this much of the replies has not been taken. */
const maxUnsentBytes = 4 * 1024 * 1024
/** What a peer has to take the last replies after the end of its connection, and how often that is looked at, in ms. */
const flushTime = 1000
const flushInterval = 10

export interface ConnectionHost {
  readonly dispatcher: Dispatcher
  readonly limits: Limits
  /** The longest frame of a connection that has registered. */
  readonly maxFrame: number
  /** How much memory of this process the connection holds, where that is notable or was. */
  holds(connection: Connection, bytes: number): void
  /** The connection has ended: it uses nothing of the store any more. */
  ended(connection: Connection): void
  /** Its socket is closed too. */
  closed(connection: Connection): void
}

/**
 * One client. Requests are answered strictly one after the other; those that come while one waits are queued. It goes on
 * reading meanwhile, so that the end of the peer ends the wait, and one-way messages are heard.
 */
export class Connection {
  readonly peer: Peer
  readonly #transport: FrameChannel
  /** The same where it carries the bytes of blobs as well. */
  readonly #tcp: TcpChannel | undefined
  readonly #host: ConnectionHost
  readonly #inbox = new Fifo<string | null>()
  #inboxBytes = 0
  /** What has come of a frame that is not complete. */
  #partialBytes = 0
  #unsentBytes = 0
  #holdsNotably = false
  #current: Waiting | undefined
  /** The bytes of blobs are on their way, in either direction: no other request is handled. */
  #exchange: Upload | Download | undefined
  #handling = false
  /** The peer does not take its replies fast enough. */
  #congested = false
  #paused = false
  #pollTimer: NodeJS.Timeout | undefined
  #registrationTimer: NodeJS.Timeout | undefined
  /** It carries no stream: its next request usually follows the last reply. */
  #onlyAsks = true
  #closed = false
  #ending: Promise<void> | undefined
  /** Events that a congested peer has not got yet, the newest of each kind and stream. */
  readonly #lateEvents = new Map<string, string>()

  constructor(transport: FrameChannel, host: ConnectionHost) {
    this.#transport = transport
    this.#tcp = transport instanceof TcpChannel ? transport : undefined
    this.#host = host
    this.peer = new Peer(this.#tcp === undefined, event =>
      this.#sendEvent('id' in event ? `${event.event} ${event.id}` : event.event, JSON.stringify(event))
    )
  }

  /** Whether it came over the network. */
  get remote(): boolean {
    return this.#tcp !== undefined
  }

  start(): void {
    this.#registrationTimer = setTimeout(() => this.close(), this.#host.limits.registrationTime)
    this.#registrationTimer.unref()
    this.#transport.busyPoll(true)
    this.#transport.start({
      onMessages: messages => this.#receive(messages),
      onDrain: () => this.#drained(),
      onClose: () => this.close(),
      onPartial: bytes => {
        this.#partialBytes = bytes
        this.#count()
      }
    })
  }

  /**
   * Closes after what has been sent so far, which the peer must take soon; requests that wait are not answered. Resolves
   * when the socket is closed.
   */
  end(): Promise<void> {
    return (this.#ending ??= this.#end())
  }

  close(): void {
    if (this.#closed) return
    this.#transport.close()
    this.#finish()
    this.#host.closed(this)
  }

  async #end(): Promise<void> {
    if (this.#closed) return
    this.#transport.end()
    this.#finish()
    const until = performance.now() + flushTime
    while (this.#transport.queued > 0 && performance.now() < until) await delay(flushInterval)
    this.#transport.close()
    this.#host.closed(this)
  }

  #receive(messages: ChannelMessage[]): void {
    this.#partialBytes = 0
    for (const message of messages) {
      if (typeof message === 'number') {
        // No request of a client carries a descriptor.
        closeQuietly(message)
      } else if (
        message !== null &&
        this.#waitsOrQueues &&
        this.#host.dispatcher.isOneWay(message, this.peer)
      ) {
        this.#host.dispatcher.dispatch(message, this.peer)
      } else {
        if (message !== null && this.#tcp !== undefined && bringsBytes.test(message))
          this.#tcp.suspendFrames()
        this.#inbox.push(message)
        this.#inboxBytes += message?.length ?? 0
        // At once: whether the next message stands behind a request that waits is known only then.
        this.#work()
      }
    }
  }

  get #waitsOrQueues(): boolean {
    return this.#current !== undefined || this.#exchange !== undefined || this.#inbox.length > 0
  }

  /** Handles what has been received, as far as it can be handled now. */
  #work(): void {
    if (this.#handling) return
    this.#handling = true
    while (this.#isFree && this.#inbox.length > 0) {
      const text = this.#inbox.shift()!
      this.#inboxBytes -= text?.length ?? 0
      this.#handle(text)
    }
    this.#handling = false
    this.#regulate()
  }

  get #isFree(): boolean {
    return !this.#closed && !this.#current && !this.#exchange && !this.#congested
  }

  #handle(text: string | null): void {
    const result = this.#host.dispatcher.dispatch(text, this.peer)
    if (this.#registrationTimer !== undefined && this.peer.registered) this.#registered()
    if (this.#onlyAsks && this.peer.hasStreams) this.#carriesStreams()
    if (this.#tcp !== undefined && !(result instanceof Upload) && text !== null && bringsBytes.test(text))
      this.#tcp.resumeFrames()
    if (result === closeConnection) {
      void this.end()
    } else if (result instanceof Waiting) {
      this.#current = result
      result.attach(make => {
        this.#current = undefined
        this.#send(compose(make))
        // Not within the request of somebody else that has ended the wait.
        if (this.#inbox.length > 0) queueMicrotask(() => this.#work())
        else this.#work()
      })
    } else if (result instanceof Upload) {
      this.#receiveBytes(this.#tcp as TcpChannel, result)
    } else if (result instanceof Download) {
      void this.#sendBytes(this.#tcp as TcpChannel, result)
    } else if (result !== undefined) {
      this.#send(result)
    }
  }

  #registered(): void {
    clearTimeout(this.#registrationTimer)
    this.#registrationTimer = undefined
    if (!this.#closed) this.#transport.limitFrames(this.#host.maxFrame)
  }

  /** A chunk is for somebody else, who wants a processor, too. */
  #carriesStreams(): void {
    this.#onlyAsks = false
    if (!this.#closed) this.#transport.busyPoll(false)
  }

  #receiveBytes(tcp: TcpChannel, upload: Upload): void {
    this.#exchange = upload
    this.#partialBytes = 0
    this.#send(upload.goAhead)
    if (this.#closed) return
    tcp.receiveRaw(upload.receiver, () => {
      this.#exchange = undefined
      this.#send(compose(() => upload.finish()))
      this.#work()
    })
  }

  async #sendBytes(tcp: TcpChannel, download: Download): Promise<void> {
    this.#exchange = download
    this.#send(download.reply)
    try {
      await download.send(tcp)
    } catch {
      // What follows the reply would not be what it announced.
      this.close()
    }
    this.#exchange = undefined
    this.#work()
  }

  #send(text: string): void {
    if (this.#closed) return
    try {
      let unsent = this.#transport.send(text)
      for (const fd of this.peer.takeNewFds()) unsent = this.#transport.sendFd(fd)
      this.#unsentBytes = unsent
      if (unsent > maxUnsentBytes) this.#congested = true
    } catch {
      // The peer went away between its request and the reply.
      this.close()
    }
  }

  #sendEvent(key: string, text: string): void {
    if (this.#congested) this.#lateEvents.set(key, text)
    else this.#send(text)
  }

  #drained(): void {
    this.#congested = false
    this.#unsentBytes = 0
    for (const [key, text] of this.#lateEvents) {
      this.#lateEvents.delete(key)
      this.#send(text)
      if (this.#congested) break
    }
    this.#work()
  }

  /** Stops reading while too much is queued, and goes on when there is room. */
  #regulate(): void {
    this.#count()
    if (this.#closed) return
    const full = this.#inbox.length > maxQueuedFrames || this.#inboxBytes > maxQueuedBytes || this.#congested
    if (full && !this.#paused) {
      this.#transport.pause()
      this.#paused = true
      if (this.#inboxBytes > absurdBytes) this.close()
      else if (this.#current) this.#pollLater()
    } else if (!full && this.#paused) {
      clearTimeout(this.#pollTimer)
      this.#resume()
    }
  }

  /** Tells how much memory it holds, where that matters. */
  #count(): void {
    const bytes = this.#partialBytes + this.#inboxBytes + this.#unsentBytes
    const notable = bytes > notableBytes
    if (this.#closed || (!notable && !this.#holdsNotably)) return
    this.#holdsNotably = notable
    this.#host.holds(this, notable ? bytes : 0)
  }

  /** A paused channel does not see its peer go, and the wait of one that is gone must end: read a little now and then. */
  #pollLater(): void {
    clearTimeout(this.#pollTimer)
    this.#pollTimer = setTimeout(() => this.#resume(), pollInterval)
    this.#pollTimer.unref()
  }

  #resume(): void {
    if (this.#closed || !this.#paused) return
    this.#paused = false
    this.#transport.resume()
  }

  #finish(): void {
    this.#closed = true
    clearTimeout(this.#pollTimer)
    clearTimeout(this.#registrationTimer)
    if (this.#exchange instanceof Upload) this.#exchange.end()
    this.#inbox.clear()
    this.#lateEvents.clear()
    this.#current?.cancel()
    this.#current = undefined
    this.#host.ended(this)
  }
}

function compose(make: () => string): string {
  try {
    return make()
  } catch (error) {
    return errorReply(error)
  }
}

function closeQuietly(fd: number): void {
  try {
    native.closeFd(fd)
  } catch {
    // It was closed already, which is what is wanted.
  }
}
