import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import { overAnyConnection } from '../client/last-words.js'
import { deleteData } from '../client/requests/metadata.js'
import { dropStream, stopStream } from '../client/requests/streams.js'
import { Status, VineyardError } from '../errors.js'
import type { ObjectId } from '../protocol/ids.js'
import { LabelledNotes } from './labelled-notes.js'
import { sweepLeases } from './orphans.js'
import { onUnwatched, PeerGuard } from './peer-guard.js'
import type { ProducerNotes } from './producer-notes.js'
import { SharedNotes } from './shared-notes.js'
import type { PolledWindow } from './window.js'

const losses = {
  dead: { message: 'the consumer of the stream died', status: Status.StreamFailed },
  dropped: { message: 'the stream was dropped: its reader has gone', status: Status.ObjectNotExists }
}

/**
 * What a producer does on a vineyardd for the case that its consumer dies, or it does itself. What cannot be helped there:
 * a producer that is killed between the allocation of a blob and the moment when it reads the reply leaves that blob, because
 * nobody can list blobs that are not sealed; what it leaves where its consumer is foreign or never came, or where that is
 * dead as well and its notes had no place for it;
 * the members of chunks whose writer had ended before their consumer was killed, because the server deletes their chunks,
 * the only way to them; a chunk whose push was lost on the way with the writer's connection, since a reader may have it; and
 * what a writer was making that lost all its connections, until its thread has ended.
 */
export class ProducerGuard {
  readonly #core: ClientCore
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #window: PolledWindow
  readonly #peer: PeerGuard
  /** Undefined where the server would not take any. */
  #notes: ProducerNotes | undefined
  #begun = 0
  /** Nobody is left to read what was pushed. */
  #unread = false
  /** The consumer died, perhaps before anybody asked to be told. */
  #failure: VineyardError | undefined
  #onFailed: ((error: VineyardError) => void) | undefined
  #idle = (): Promise<void> => Promise.resolve()
  #unsubscribe = (): void => {}
  #cleaning: Promise<void> = Promise.resolve()

  private constructor(core: ClientCore, connection: Connection, stream: ObjectId, window: PolledWindow) {
    this.#core = core
    this.#connection = connection
    this.#stream = stream
    this.#window = window
    this.#peer = new PeerGuard(core, stream, 'producer', why => this.#onConsumerGone(why))
    window.onForgotten = parts => this.#notes?.remove(parts)
  }

  static async open(
    core: ClientCore,
    connection: Connection,
    stream: ObjectId,
    window: PolledWindow
  ): Promise<ProducerGuard> {
    const guard = new ProducerGuard(core, connection, stream, window)
    await guard.#makeNotes().catch(() => {})
    await guard.#peer.introduce(connection)
    return guard
  }

  async #makeNotes(): Promise<void> {
    const [connection, stream] = [this.#connection, this.#stream]
    // Nobody may free memory that somebody may live to write to, and of who is in another pid namespace nothing is certain.
    if (connection.seesServer) {
      this.#notes = await SharedNotes.create(connection, stream).catch(() => undefined)
    }
    this.#notes ??= await LabelledNotes.create(connection, stream)
  }

  /**
   * `listener` is told once when the consumer died, or when nobody would notice that any more; it calls `fail` and `cleanUp`.
   * `idle` resolves when nothing is being made or pushed: until then nothing is deleted.
   */
  onFailed(listener: (error: VineyardError) => void, idle: () => Promise<void>): void {
    this.#onFailed = listener
    this.#idle = idle
    this.#unsubscribe = onUnwatched(this.#core, listener)
    if (this.#failure !== undefined) listener(this.#failure)
  }

  /** Names the blobs of the next chunk, so that the consumer can free them when this process does not get to push it. */
  allocated(blobs: readonly ObjectId[]): void {
    this.#notes?.add(blobs, this.#begun)
  }

  /** Names a blob that may become any chunk, or none. */
  handedOut(blob: ObjectId): void {
    this.#notes?.add([blob], undefined)
  }

  /** One more chunk is pushed, after those before it. */
  begun(): void {
    this.#begun += 1
  }

  /** Names what a chunk was made of that is pushed next, for the case that its consumer dies as well. */
  pushing(parts: readonly ObjectId[]): void {
    this.#notes?.pushing(parts)
  }

  /** The server has that chunk: it is for its consumer to free. */
  pushed(parts: readonly ObjectId[]): void {
    this.#notes?.pushed(parts)
  }

  /** What was allocated, or made, and has been freed. */
  settled(parts: readonly ObjectId[]): void {
    this.#notes?.remove(parts)
  }

  /** Ends the stream as failed, and looks whether anybody is left to read what was pushed. */
  async fail(): Promise<void> {
    this.#close()
    const stopped = overAnyConnection(this.#core, control => stopStream(control, this.#stream, true))
    const dropped = await stopped.then(
      () => false,
      (error: unknown) => (error as VineyardError).status === Status.ObjectNotExists
    )
    this.#unread ||= dropped || (await this.#peer.isPeerDead())
  }

  /**
   * After `fail`: deletes what was pushed and not consumed where nobody is left to read it, with all its parts, because
   * dropping a stream deletes chunks that are objects only shallowly.
   */
  cleanUp(): Promise<void> {
    return (this.#cleaning = this.#cleaning.then(() => this.#cleanUp()))
  }

  async #cleanUp(): Promise<void> {
    // What is being made is taken back by whoever makes it.
    await this.#idle().catch(() => {})
    // With all its connections the writer has lost the way to do that: the notes are for those who can, when it has ended.
    if (this.#core.connection.lost && this.#connection.lost) return
    const notes = await this.#notes?.close()
    if (notes === undefined && !this.#unread) return
    await overAnyConnection(this.#core, async control => {
      if (notes !== undefined) await deleteParts(control, notes).catch(() => {})
      if (!this.#unread) return
      await Promise.allSettled([
        deleteParts(control, this.#window.remains),
        dropStream(control, this.#stream)
      ])
      await sweepLeases(control)
    }).catch(() => {})
  }

  /** Instead of `fail`: looks after what has not been consumed, until it is gone or the consumer is. */
  finished(): void {
    this.#close()
    const { last, remains } = this.#window
    if (last === undefined) return
    const { peers, connection, metaService } = this.#core
    const stop = peers.add(async round => {
      try {
        const dead = await this.#peer.isPeerDead(round)
        if (!dead && (await metaService.has(connection, last))) return
        stop()
        // Of chunks that were consumed, or that a vineyardd deletes with its stream, parts may be left.
        await deleteParts(connection, remains)
        if (!dead) return
        await dropStream(connection, this.#stream).catch(() => {})
        await sweepLeases(connection)
      } catch {
        // The connection is lost, and with it the way to do anything.
        stop()
      }
    })
  }

  #onConsumerGone(why: 'dead' | 'dropped'): void {
    const { message, status } = losses[why]
    this.#failure = new VineyardError('ERR_VINEYARD_STREAM_FAILED', message, { status })
    this.#onFailed?.(this.#failure)
  }

  #close(): void {
    this.#peer.close()
    this.#unsubscribe()
  }
}

function deleteParts(control: Connection, ids: readonly ObjectId[]): Promise<void> {
  return deleteData(control, ids, { force: false, deep: true })
}
