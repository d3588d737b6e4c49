/**
 * The one file that declares and loads the addon. Everything here is what JavaScript cannot do (descriptors over Unix
 * sockets, memfd, mmap) or cannot do fast enough (frames, the scan for long integers).
 */
import { loadAddon } from './load-addon.js'

/** A failed system call: `code` is the name of the errno (`'ENOENT'`), `syscall` the call that failed. */
export interface NativeError extends Error {
  code: string
  errno: number
  syscall: string
}

/**
 * What a channel received, in the order of the byte stream:
 * - a string: the JSON text of one frame, integers beyond 2^53 replaced by marker strings (see `markLongIntegers`);
 * - `null`: a frame that is not valid UTF-8;
 * - a number: a descriptor that arrived with a one-byte carrier message. The receiver owns it and must close it.
 */
export type ChannelMessage = string | number | null

export interface ChannelHandlers {
  /** All that one read produced. Runs in a callback scope of its own, so promises settle after the whole batch. */
  onMessages(messages: ChannelMessage[]): void
  /** The queue of unsent bytes has become empty after `send` had reported a queue. */
  onDrain(): void
  /** Called once, unless `close()` was called first: the peer closed (`null`) or the socket or a frame failed. */
  onClose(error: NativeError | null): void
  /** How much has come of a frame that is not complete, after each read, when it is more than about a megabyte. */
  onPartial?(bytes: number): void
}

/** One end of a connected Unix stream socket that carries frames (8-byte little-endian length + JSON). */
export interface Channel {
  /** Starts reading. Nothing is read before, so no message is lost between `accept` and `start`. */
  start(handlers: ChannelHandlers): void
  /** Sends one frame, at once as far as the socket takes it. Returns how many bytes are queued in this process. */
  send(frame: string): number
  /** The same for several short frames, in one call of the system. */
  sendAll(frames: readonly string[]): number
  /** Sends one byte that carries a duplicate of `fd`; `fd` stays the caller's. Keeps its order with frames. */
  sendFd(fd: number): number
  /** Bytes accepted by `send` that the socket has not taken. */
  readonly queued: number
  /** How long a frame may be from the next one on: a handler that is called for one frame decides about those behind it. */
  limitFrames(maxFrame: number): void
  /**
   * Whether the event loop may look again instead of sleeping after a message of this channel, where the next one
   * usually comes within microseconds (native/src/busy_poll.h). A new channel does not ask for it.
   */
  busyPoll(on: boolean): void
  /** Stops and resumes reading. A paused channel notices the end of the peer only when it resumes. */
  pause(): void
  resume(): void
  /** Whether this channel keeps the event loop alive. A new channel does. */
  ref(): void
  unref(): void
  /** Closes after what is queued has been sent; reading stops at once. `onClose` is not called. */
  end(): void
  /** Closes at once, what is queued is lost. Idempotent; `onClose` is not called. */
  close(): void
  /** The process at the other end when it connected (SO_PEERCRED). */
  readonly peer: { pid: number; uid: number; gid: number }
  /**
   * Keeps the socket open beyond this channel, and beyond its thread, until the hold is dropped: see `takeHold`. When the
   * channel closes while there are such holds, its last frame is `farewell`: the peer does not see it close.
   */
  hold(farewell: string): number
}

export interface Listener {
  ref(): void
  unref(): void
  /** Stops listening. The socket's path is not removed. Idempotent. */
  close(): void
}

/**
 * `length` bytes of a descriptor, shared. The descriptor may be closed right after the mapping is made.
 * The memory is unmapped when `close()` was called (or the mapping collected) and no view is left.
 */
export interface Mapping {
  readonly length: number
  /**
   * An external ArrayBuffer over `[offset, offset + length)`; throws RangeError outside the mapping.
   * A view of a read-only mapping must not be written: the write ends the process with SIGSEGV.
   */
  view(offset: number, length: number): ArrayBuffer
  /**
   * Copies bytes to `offset` of a writable mapping. For large ones that is faster than `set` on a view: no view has to be
   * made, which V8 would count, and the bytes go past the caches. Throws RangeError for what does not fit.
   */
  write(offset: number, bytes: Uint8Array): void
  close(): void
}

/** How far a step of a stream of zstd has got: bytes taken from the input, bytes written to the output. */
export type ZstdProgress = [read: number, written: number]

/** Throws ERR_ZSTD. */
export interface Compressor {
  /**
   * All of `input` as one frame at the beginning of `output`, whose length is returned. 131,591 bytes of room are enough for
   * 131,072 of any kind; where they are not it throws.
   */
  compress(input: Uint8Array, output: Uint8Array): number
}

/**
 * One stream of zstd, of one frame or several. A step goes on until the input has been taken or the output is full. Throws
 * ERR_ZSTD.
 */
export interface Decompressor {
  /** Holds nothing back that there was room for. */
  decompress(input: Uint8Array, output: Uint8Array): ZstdProgress
  /** Begins a new stream. */
  reset(): void
}

export interface NativeAddon {
  /**
   * Whether the runtime forbids external ArrayBuffers (Electron, and wherever VINEYARD_STREAMS_NO_EXTERNAL_BUFFERS is set,
   * for tests): views are copies then, and writable mappings have none.
   */
  readonly viewsForbidden: boolean
  /**
   * Connects to a Unix socket. Throws NativeError: ENOENT, ECONNREFUSED, EACCES, EAGAIN (the listener's backlog is full).
   * `maxFrame` bounds the length of one incoming frame; a longer one closes the channel with EMSGSIZE.
   */
  connect(path: string, maxFrame: number): Channel
  /**
   * Binds and listens on `path` with mode 0600 from the start. Throws NativeError: EADDRINUSE where the path exists,
   * ENAMETOOLONG over 107 bytes. `onConnection` gets channels that have not been started.
   */
  listen(
    path: string,
    backlog: number,
    maxFrame: number,
    onConnection: (channel: Channel) => void,
    onError: (error: NativeError) => void
  ): Listener
  /** A new memfd of `size` bytes, close-on-exec, sealed against shrinking, growing and further seals. */
  createMemory(name: string, size: number): number
  /** fallocate: reserves the pages, so that a shortage is an error here (ENOSPC, ENOMEM, EFBIG) and not a SIGBUS later. */
  reserve(fd: number, offset: number, length: number): void
  /** Gives the whole pages of a range back to the system; the range reads as zeroes afterwards. */
  punchHole(fd: number, offset: number, length: number): void
  /** Advice: pages of 2 MiB for what lies in `bytes`. For memory that has not been touched and will be written as a whole. */
  preferHugePages(bytes: Uint8Array): void
  /** Another descriptor of the same file, close-on-exec, for `net.Socket` to own. */
  duplicate(fd: number): number
  /** The same for `closeFd` to close, at the latest with the environment. */
  shareFd(fd: number): number
  /**
   * A hold on whatever `key` names. Holds are of this thread, known to the whole process, and end with `dropHold` or with
   * their thread, however that ends, unless it leaves them.
   */
  hold(key: string): number
  /**
   * Makes a hold of any thread one of this thread, and answers its new number: it can be taken once. 0 if there is none,
   * because it has been taken or dropped, or its thread has ended.
   */
  takeHold(hold: number): number
  /** Another hold like one of this thread; 0 if there is none. */
  copyHold(hold: number): number
  /** Ends a hold of this thread. Whether it was the last one with its key in the process. */
  dropHold(hold: number): boolean
  /**
   * For the end of this thread: leaves holds to whoever takes them, or to the end of the process. Their memory files, which
   * must not be closed any more, stay open meanwhile under their numbers.
   */
  leaveHolds(holds: readonly number[], fds: readonly number[]): void
  /** Whether any thread of this process has a hold with this key. */
  isHeld(key: string): boolean
  /** Names this process and this copy of the addon: whoever finds it can ask `isHeld`. */
  readonly holdsName: string
  /** Takes the lock of an open file (flock, exclusive), until the last copy of the descriptor is closed. False where another has it. */
  tryLock(fd: number): boolean
  /** Closes a descriptor that came from this addon. What is never closed ends with the environment (a terminated worker). */
  closeFd(fd: number): void
  /** Maps `[0, length)` of `fd`. Throws RangeError if the file is shorter: touching the rest would be a SIGBUS. */
  map(fd: number, length: number, writable: boolean): Mapping
  /** Detaches a view made by `Mapping.view`: its length becomes 0, typed arrays over it become empty. False if it was detached already. */
  detach(view: ArrayBuffer): boolean
  /** Detaches an ArrayBuffer that the caller made: Node 20 has nothing as cheap. Never for views, whose memory is counted. */
  detachOwn(buffer: ArrayBuffer): void
  /**
   * TCP_QUICKACK: acknowledges now what a TCP socket has received. The kernel forgets it with the next data that are sent.
   * Throws NativeError: EBADF, ENOTSOCK, EOPNOTSUPP.
   */
  quickAck(fd: number): void
  /**
   * TCP_USER_TIMEOUT: a TCP socket fails with ETIMEDOUT when for `ms` nothing of what it sent was acknowledged, or the other
   * end has had no room for what waits to be sent. Throws NativeError: EBADF, ENOTSOCK, EOPNOTSUPP.
   */
  limitUnacknowledged(fd: number, ms: number): void
  /**
   * SO_RCVLOWAT: a socket is readable when so many bytes have arrived, or when nothing more can. The kernel may take less for
   * it. Throws NativeError: EBADF, ENOTSOCK.
   */
  receiveAtLeast(fd: number, bytes: number): void
  /** `level`: at most 1, less than 0 for speed. */
  createCompressor(level: number): Compressor
  createDecompressor(): Decompressor
  /**
   * Replaces every integer token outside ±(2^53 − 1) in a JSON text by the string "\u0000n" + its digits, so that
   * JSON.parse keeps it exact. Strings are left alone. The text is returned as it is where there is none.
   */
  markLongIntegers(json: string): string
}

export const native: NativeAddon = loadAddon()
