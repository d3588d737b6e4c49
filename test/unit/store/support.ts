import { Dispatcher } from '#dist/store/dispatcher.js'
import { Engine } from '#dist/store/engine.js'
import type { HeapShare } from '#dist/store/heap-share.js'
import { Peer } from '#dist/store/peer.js'
import { Pool, pageSize, type Pages } from '#dist/store/pool.js'
import type { ServerFacts } from '#dist/store/requests/handler.js'
import { Waiting } from '#dist/store/waiting.js'
import type { StoreEvent } from '#dist/protocol/extension.js'
import { type JsonObject, parseJson, type Stringifiable, stringifyJson } from '#dist/protocol/json.js'
import { native } from '#dist/native.js'

export const poolFd = 77
export const MiB = 2 ** 20

/** Pages that remember which of them exist. */
export class FakePages implements Pages {
  readonly reserved = new Set<number>()
  /** No more pages than this. */
  limit = Infinity

  reserve(offset: number, length: number): void {
    const pages = this.#pages(offset, length)
    if (this.reserved.size + pages.length > this.limit) throw new Error('ENOSPC')
    for (const page of pages) this.reserved.add(page)
  }

  punchHole(offset: number, length: number): void {
    for (const page of this.#pages(offset, length)) this.reserved.delete(page)
  }

  #pages(offset: number, length: number): number[] {
    if (offset % pageSize !== 0 || length % pageSize !== 0) throw new Error('not whole pages')
    return Array.from({ length: length / pageSize }, (_, index) => offset / pageSize + index)
  }
}

/** A request that has been sent: its reply, once there is one. */
export class Sent {
  reply: any
  get waits(): boolean {
    return this.reply === undefined
  }
}

/** A connection without a socket. */
export class TestPeer {
  readonly events: StoreEvent[] = []
  readonly peer = new Peer(true, event => this.events.push(event))
  readonly #store: TestStore
  #waiting: Waiting | undefined

  constructor(store: TestStore) {
    this.#store = store
  }

  send(request: Stringifiable): Sent {
    return this.sendText(stringifyJson(request))
  }

  sendText(text: string | null): Sent {
    const sent = new Sent()
    const marked = text === null ? null : native.markLongIntegers(text)
    const result = this.#store.dispatcher.dispatch(marked, this.peer)
    if (result instanceof Waiting) {
      this.#waiting = result
      result.attach(make => {
        this.#waiting = undefined
        try {
          sent.reply = parseJson(make())
        } catch (error) {
          const { status: code, message } = error as Error & { status: number }
          sent.reply = { code, message }
        }
        this.peer.takeNewFds()
      })
    } else {
      sent.reply = typeof result === 'string' ? parseJson(result) : { none: true }
      this.peer.takeNewFds()
    }
    return sent
  }

  /** The reply of a request that must not wait. */
  ask(type: string, fields: Record<string, Stringifiable> = {}): any {
    const sent = this.send({ type, ...fields })
    if (sent.waits) throw new Error(`${type} waits`)
    return sent.reply
  }

  /** The status of an error reply, 0 for success. */
  code(type: string, fields: Record<string, Stringifiable> = {}): number {
    return (this.ask(type, fields) as { code?: number }).code ?? 0
  }

  close(): void {
    this.#waiting?.cancel()
    this.#store.engine.disconnect(this.peer)
  }

  create(size: number): bigint {
    const reply = this.ask('create_buffer_request', { size }) as JsonObject
    if (reply['code'] !== undefined) throw new Error(String(reply['message']))
    return BigInt(reply['id'] as bigint)
  }

  /** A sealed blob. */
  blob(size: number): bigint {
    const id = this.create(size)
    this.ask('seal_request', { object_id: id })
    return id
  }

  object(content: Record<string, Stringifiable> = {}): bigint {
    const reply = this.ask('create_data_request', { content: { typename: 'T', instance_id: 0, ...content } })
    if (reply.code !== undefined) throw new Error(`${reply.code}: ${reply.message}`)
    return BigInt(reply.id)
  }

  /** An object with one blob member. */
  chunk(size: number): bigint {
    return this.object({ data: blobMember(this.blob(size)) })
  }

  stream(): bigint {
    const id = this.object({ typename: 'vineyard::RecordBatchStream' })
    this.ask('create_stream_request', { object_id: id })
    return id
  }

  meta(id: bigint): any {
    const reply = this.ask('get_data_request', { id: [id] })
    return reply.content?.[text(id)]
  }

  exists(id: bigint): boolean {
    return this.ask('exists_request', { id }).exists
  }

  pull(id: bigint): Sent {
    return this.send({ type: 'pull_next_stream_chunk_request', id })
  }

  push(id: bigint, chunk: bigint): any {
    return this.ask('push_next_stream_chunk_request', { id, chunk })
  }
}

/** The store without sockets or shared memory. */
export class TestStore {
  readonly pages = new FakePages()
  readonly engine: Engine
  readonly dispatcher: Dispatcher
  closing = false

  constructor(size = 64 * MiB, heap?: HeapShare, maxBlobs?: number) {
    this.engine = new Engine(new Pool(size, this.pages), poolFd, heap, maxBlobs)
    const isClosing = (): boolean => this.closing
    const facts: ServerFacts = {
      socket: '/test.sock',
      rpcEndpoint: '0.0.0.0:0',
      authenticate: (username, password) => username !== 'wrong' && password !== 'wrong',
      connections: () => ({ ipc: 1, rpc: 0 }),
      get closing() {
        return isClosing()
      }
    }
    this.dispatcher = new Dispatcher(this.engine, facts)
  }

  /** A registered connection; `extension` 0 is a client of somebody else. */
  connect(extension = 0): TestPeer {
    const peer = new TestPeer(this)
    peer.ask('register_request', { store_type: 1, ...(extension > 0 ? { vineyard_streams: extension } : {}) })
    return peer
  }

  get usage(): number {
    return this.engine.blobs.usage
  }
}

export function text(id: bigint): string {
  return `o${id.toString(16).padStart(16, '0')}`
}

export function blobMember(id: bigint): Record<string, Stringifiable> {
  return { id: text(id), typename: 'vineyard::Blob', instance_id: 0 }
}

/** Lets what was put off until the end of the current batch happen. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
