import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import { native, type Channel, type ChannelHandlers, type NativeError } from '../native.js'
import { Gathering } from './gathering.js'

const headerBytes = 8
/** More of an unfinished frame is reported. */
const notablePartial = 1024 * 1024
/** Reading pauses while frames are suspended and this much has come. */
const maxSuspended = 1024 * 1024
/** A paused socket does not see its peer go: as much again is read each time, in ms. */
const pollInterval = 500
/** More than the systems of both ends hold back: such a peer has not gone, and goes on sending. It is cut off. */
const absurdBytes = 64 * 1024 * 1024

/** Takes bytes that are no frames: the contents of blobs. */
export interface RawReceiver {
  /** It has all that it wants; what follows are frames again. */
  readonly done: boolean
  /** Takes what it wants from the beginning of `bytes`, at least one byte; returns how many. Throws for wrong bytes. */
  take(bytes: Buffer): number
  /** Memory that the next bytes can be put into as they are, instead of being taken. */
  readonly room?: Uint8Array
  /** So many bytes have been put there. */
  filled?(count: number): void
}

/** What a channel over TCP has in common with one over a Unix socket. */
export type FrameChannel = Pick<
  Channel,
  | 'start'
  | 'send'
  | 'sendAll'
  | 'sendFd'
  | 'queued'
  | 'limitFrames'
  | 'busyPoll'
  | 'pause'
  | 'resume'
  | 'ref'
  | 'unref'
  | 'end'
  | 'close'
>

/**
 * Frames over TCP, and between them the bytes of blobs. Frames are delivered one at a time, so that whoever gets one can
 * say before the next byte is looked at that blobs follow it.
 */
export class TcpChannel implements FrameChannel {
  /** Longest frame that is accepted. */
  #maxFrame: number
  readonly #socket: Socket
  #handlers: ChannelHandlers | undefined
  /** What has arrived and has not been taken. */
  #chunks: Buffer[] = []
  #available = 0
  /** Length of the frame whose header has been read. */
  #frameLength: number | undefined
  #receiver: { sink: RawReceiver; done: () => void } | undefined
  #suspended = false
  /** How much may come while frames are suspended. */
  #allowance = maxSuspended
  #pollTimer: NodeJS.Timeout | undefined
  /** Whoever uses the channel wants nothing for now. */
  #paused = false
  #parsing = false
  #corked = false
  #closed = false
  #error: NativeError | null = null
  #room: { promise: Promise<void>; settle: () => void } | undefined
  readonly #gathering: Gathering
  #onSilence = (): void => {}

  /**
   * `socket` is connected. What it receives is either emitted as 'data', or comes from a SocketReader, which saves a fresh
   * buffer for each read.
   */
  constructor(socket: Socket, maxFrame: number) {
    this.#socket = socket
    this.#maxFrame = maxFrame
    this.#gathering = new Gathering(socket)
    socket.setNoDelay(true)
    // Nothing is read, and no end is lost, before start().
    socket.pause()
    socket.on('error', error => (this.#error = error as NativeError))
    socket.once('close', () => this.#lost(this.#error))
    socket.on('timeout', () => {
      if (!this.#gathering.relax()) this.#onSilence()
    })
  }

  start(handlers: ChannelHandlers): void {
    this.#handlers = handlers
    this.#socket.on('drain', () => {
      this.#room?.settle()
      handlers.onDrain()
    })
    this.#socket.on('data', bytes => this.#receive(bytes))
    if (this.#closed) setImmediate(() => handlers.onClose(this.#error))
    else this.#socket.resume()
  }

  send(frame: string): number {
    if (this.#closed) return 0
    const length = Buffer.byteLength(frame)
    const bytes = Buffer.allocUnsafe(headerBytes + length)
    bytes.writeBigUInt64LE(BigInt(length))
    bytes.write(frame, headerBytes)
    this.#cork()
    this.#socket.write(bytes)
    return this.#socket.writableLength
  }

  sendAll(frames: readonly string[]): number {
    for (const frame of frames) this.send(frame)
    return this.queued
  }

  sendFd(): number {
    throw new Error('TCP carries no descriptors')
  }

  get queued(): number {
    return this.#socket.writableLength
  }

  /**
   * Sends bytes of a blob; they must not change before `flushed()` resolves. Returns a promise where too much is queued:
   * it resolves when there is room, and when the channel has closed.
   */
  sendRaw(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#closed || this.#socket.write(bytes)) return undefined
    if (this.#room === undefined) {
      let settle = (): void => {}
      const promise = new Promise<void>(resolve => {
        settle = () => {
          this.#room = undefined
          resolve()
        }
      })
      this.#room = { promise, settle }
    }
    return this.#room.promise
  }

  /** Resolves when the system has taken everything, or the channel has closed. */
  flushed(): Promise<void> {
    return new Promise(resolve => {
      if (this.#closed) resolve()
      else this.#socket.write('', () => resolve())
    })
  }

  /** The next bytes go to `sink` until it has enough; then `done` is called and frames go on. */
  receiveRaw(sink: RawReceiver, done: () => void): void {
    this.#receiver = { sink, done }
    this.resumeFrames()
  }

  /** Calls back when no byte has moved for `ms`, in either direction; 0 ends that. */
  limitSilence(ms: number, onSilence = (): void => {}): void {
    this.#onSilence = onSilence
    this.#gathering.limitSilence(ms)
  }

  /**
   * Leaves what follows alone until `receiveRaw` or `resumeFrames`: it may be the bytes of blobs. About a megabyte of it
   * is taken in.
   */
  suspendFrames(): void {
    this.#suspended = true
  }

  resumeFrames(): void {
    if (this.#closed) return
    this.#suspended = false
    this.#allowance = maxSuspended
    clearTimeout(this.#pollTimer)
    this.#pollTimer = undefined
    this.#parse()
    if (this.#tooMuch) this.#hold()
    else if (!this.#paused) this.#socket.resume()
  }

  /** Node's own sockets know nothing of it, and a network takes longer anyway. */
  busyPoll(): void {}

  limitFrames(maxFrame: number): void {
    this.#maxFrame = maxFrame
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#pollTimer === undefined) this.#socket.resume()
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  end(): void {
    this.#handlers = undefined
    // The memory that it reads into may be given to somebody else now.
    this.#socket.pause()
    this.#socket.destroySoon()
    this.#forget()
  }

  close(): void {
    this.#handlers = undefined
    this.#socket.destroy()
    this.#forget()
  }

  /** Requests that are made in one turn of the event loop go out in one packet. */
  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#corked = false
      this.#socket.uncork()
    })
  }

  /** Bytes in a buffer that will be used again: what is left over is copied. */
  receive(bytes: Buffer): void {
    this.#receive(bytes)
    const last = this.#chunks.length - 1
    if (last >= 0) this.#chunks[last] = Buffer.from(this.#chunks[last] as Buffer)
    this.#expect()
  }

  /** Memory that what arrives next can be read into, if it is known to be the bytes of a blob. */
  get room(): Uint8Array | undefined {
    return this.#available === 0 ? this.#receiver?.sink.room : undefined
  }

  /** So many bytes have been read into it. */
  filled(count: number): void {
    this.#receiver?.sink.filled?.(count)
    this.#parse()
    this.#expect()
  }

  #expect(): void {
    if (!this.#closed) this.#gathering.expect(this.room?.length ?? 0)
  }

  #receive(bytes: Buffer): void {
    if (this.#closed) return
    this.#chunks.push(bytes)
    this.#available += bytes.length
    this.#parse()
    if (this.#tooMuch) this.#hold()
    // What is left over is a part of a frame, or waits for its turn.
    if (this.#available > notablePartial) this.#handlers?.onPartial?.(this.#available)
  }

  get #tooMuch(): boolean {
    return this.#suspended && this.#available > this.#allowance
  }

  /** Reads no more for a while: what comes is not asked for yet. */
  #hold(): void {
    if (this.#available > absurdBytes) {
      this.#fail(new Error(`${this.#available} bytes were sent before they were asked for`))
      return
    }
    this.#socket.pause()
    clearTimeout(this.#pollTimer)
    this.#pollTimer = setTimeout(() => {
      this.#pollTimer = undefined
      this.#allowance = this.#available + maxSuspended
      if (!this.#paused) this.#socket.resume()
    }, pollInterval)
    this.#pollTimer.unref()
  }

  #parse(): void {
    if (this.#parsing) return
    this.#parsing = true
    try {
      while (!this.#closed && !this.#suspended && this.#parseOne());
    } catch (error) {
      this.#fail(error as Error)
    } finally {
      this.#parsing = false
    }
  }

  /** Whether it is worth to go on. */
  #parseOne(): boolean {
    if (this.#receiver !== undefined) return this.#passOn(this.#receiver)
    if (this.#frameLength === undefined) {
      if (this.#available < headerBytes) return false
      const length = this.#take(headerBytes).readBigUInt64LE()
      if (length > BigInt(this.#maxFrame)) {
        throw Object.assign(new Error(`a frame of ${length} bytes is too long`), { code: 'EMSGSIZE' })
      }
      this.#frameLength = Number(length)
    }
    if (this.#available < this.#frameLength) return false
    const frame = this.#take(this.#frameLength)
    this.#frameLength = undefined
    const text = isUtf8(frame) ? native.markLongIntegers(frame.toString('utf8')) : null
    this.#handlers?.onMessages([text])
    return true
  }

  #passOn({ sink, done }: { sink: RawReceiver; done: () => void }): boolean {
    while (!sink.done) {
      const [first] = this.#chunks
      if (first === undefined) return false
      this.#drop(sink.take(first))
    }
    this.#receiver = undefined
    done()
    return true
  }

  /** The first `length` of the bytes that have arrived. */
  #take(length: number): Buffer {
    const [first] = this.#chunks
    if (first === undefined || first.length < length) this.#chunks = [Buffer.concat(this.#chunks)]
    const bytes = this.#chunks[0]?.subarray(0, length) ?? Buffer.alloc(0)
    this.#drop(length)
    return bytes
  }

  #drop(length: number): void {
    const first = this.#chunks[0] as Buffer
    this.#available -= length
    if (length === first.length) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(length)
  }

  #fail(error: Error): void {
    this.#error = error as NativeError
    this.#socket.destroy()
    this.#lost(this.#error)
  }

  #lost(error: NativeError | null): void {
    const handlers = this.#handlers
    this.#handlers = undefined
    this.#forget()
    handlers?.onClose(error)
  }

  #forget(): void {
    this.#closed = true
    this.#chunks = []
    this.#available = 0
    this.#receiver = undefined
    clearTimeout(this.#pollTimer)
    this.#room?.settle()
  }
}
