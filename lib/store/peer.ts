import type { StoreEvent } from '../protocol/extension.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Blob } from './blob.js'
import { Cancellable } from './cancellable.js'
import type { ObjectRecord } from './object-record.js'
import type { Stream } from './streams/stream.js'

/** What the store knows of one connection, without how it is connected. */
export class Peer {
  registered = false
  /** A number of its own among the connections of the store; 0 until it has one. */
  number = 0
  /** The process at the other end of a Unix socket. */
  pid: number | undefined
  /** Version of the extension that was agreed on, 0 where the other end is somebody else's client. */
  extension = 0
  /** It is a client of this package, over whatever: `scoped` in its requests means something. */
  scopes = false
  closed = false
  /** Blobs this connection holds memory of, with the count that it has to give back. */
  readonly leases = new Map<ObjectId, { blob: Blob; count: number }>()
  /** References in upstream's sense, which free nothing. Ids need not exist. */
  readonly references = new Set<ObjectId>()
  /** Blobs of which this is the creator, that others may have sealed or deleted meanwhile. */
  readonly fills = new Map<ObjectId, Blob>()
  /** The last that get_next_stream_chunk made for it, by stream: it fills them until its next request for the stream. */
  readonly fillsFor = new Map<ObjectId, Blob>()
  readonly scoped = new Set<Blob>()
  readonly scopedObjects = new Set<ObjectRecord>()
  /** Blobs whose memory is kept because this connection may still look at them. */
  readonly kept = new Set<Blob>()
  readonly cancellable = new Cancellable()
  readonly writing = new Set<Stream>()
  readonly reading = new Set<Stream>()

  readonly #sentFds = new Set<number>()
  #newFds: number[] = []

  /**
   * `carriesFds`: whether descriptors can be sent to it. `notify` sends an event; it is only called for connections that
   * have agreed on the extension.
   */
  constructor(
    readonly carriesFds: boolean,
    readonly notify: (event: StoreEvent) => void
  ) {}

  /** Whether it reads or writes streams. */
  get hasStreams(): boolean {
    return this.reading.size > 0 || this.writing.size > 0
  }

  /** For the `fd` field of a reply: `fd` if this connection has not got it yet, which is then sent after the reply, or -1. */
  announceFd(fd: number): number {
    if (!this.carriesFds || this.#sentFds.has(fd)) return -1
    this.#sentFds.add(fd)
    this.#newFds.push(fd)
    return fd
  }

  /** The descriptors that must follow the reply that has just been sent. */
  takeNewFds(): readonly number[] {
    const fds = this.#newFds
    if (fds.length > 0) this.#newFds = []
    return fds
  }
}
