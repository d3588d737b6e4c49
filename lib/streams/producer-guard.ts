import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import { createData, deleteData, exists, getData, label } from '../client/requests/metadata.js'
import { dropStream, stopStream } from '../client/requests/streams.js'
import { Status, VineyardError } from '../errors.js'
import { ownIdentity } from '../memory/identity.js'
import type { ObjectId } from '../protocol/ids.js'
import { sweepLeases } from './orphans.js'
import { onUnwatched, PeerGuard } from './peer-guard.js'
import { formatUnpushed, notesLabel, notesTypename, unpushedLabel } from './stream-labels.js'
import type { PolledWindow } from './window.js'

const losses = {
  dead: { message: 'the consumer of the stream died', status: Status.StreamFailed },
  dropped: { message: 'the stream was dropped: its reader has gone', status: Status.ObjectNotExists }
}

/**
 * What a producer does on a vineyardd for the case that its consumer dies, or it does itself. What cannot be helped there:
 * a producer that is killed between the allocation of a blob and the label that names it leaves that blob, because nobody
 * can list blobs that are not sealed; what it leaves where its consumer is dead as well, or foreign, or never came; and the
 * members of chunks whose writer had ended before their consumer was killed, because the server deletes their chunks, the
 * only way to them.
 */
export class ProducerGuard {
  readonly #core: ClientCore
  readonly #connection: Connection
  readonly #stream: ObjectId
  readonly #window: PolledWindow
  readonly #peer: PeerGuard
  /** Blobs that are allocated and not pushed. */
  readonly #unpushed = new Set<ObjectId>()
  #pushed = 0
  /** The object whose label names them: the stream's, or one of its own. */
  #notes: ObjectId
  /** Nobody is left to read what was pushed. */
  #unread = false
  #onFailed: ((error: VineyardError) => void) | undefined
  #unsubscribe = (): void => {}

  private constructor(core: ClientCore, connection: Connection, stream: ObjectId, window: PolledWindow) {
    this.#core = core
    this.#connection = connection
    this.#stream = stream
    this.#notes = stream
    this.#window = window
    this.#peer = new PeerGuard(core, stream, 'producer', why => void this.#onConsumerGone(why))
  }

  static async open(
    core: ClientCore,
    connection: Connection,
    stream: ObjectId,
    window: PolledWindow
  ): Promise<ProducerGuard> {
    const guard = new ProducerGuard(core, connection, stream, window)
    await guard.#makeNotes().catch(() => {})
    await guard.#peer.introduce(connection, guard.#notes === stream ? {} : { [notesLabel]: guard.#notes })
    return guard
  }

  /** Of a stream that other instances know, each label is a write to etcd: what changes often is written elsewhere. */
  async #makeNotes(): Promise<void> {
    const [meta] = await getData(this.#connection, [this.#stream])
    if (meta?.['transient'] !== false) return
    const content = {
      typename: notesTypename,
      nbytes: 0,
      transient: true,
      instance_id: this.#connection.info.instanceId,
      stream: this.#stream,
      owner: ownIdentity()
    }
    ;[this.#notes] = (await createData(this.#connection, [content])) as [ObjectId]
  }

  /** `listener` is told once when the consumer died, or when nobody would notice that any more. */
  onFailed(listener: (error: VineyardError) => void): void {
    this.#onFailed = listener
    this.#unsubscribe = onUnwatched(this.#core, listener)
  }

  /** Names blobs, so that the consumer can free them when this process does not get to push them. */
  allocated(blobs: readonly ObjectId[]): void {
    for (const blob of blobs) this.#unpushed.add(blob)
    const text = formatUnpushed({ pushed: this.#pushed, blobs: [...this.#unpushed] })
    // It goes out before anything that is done with them; the answer tells nothing.
    label(this.#connection, this.#notes, { [unpushedLabel]: text }).catch(() => {})
  }

  /** One more chunk was pushed. */
  pushed(): void {
    this.#pushed += 1
  }

  /** Blobs that have been pushed, or freed. */
  settled(blobs: readonly ObjectId[]): void {
    for (const blob of blobs) this.#unpushed.delete(blob)
  }

  /** Ends the stream as failed, and looks whether anybody is left to read what was pushed. */
  async fail(): Promise<void> {
    this.#close()
    const dropped = await stopStream(this.#core.connection, this.#stream, true).then(
      () => false,
      (error: unknown) => (error as VineyardError).status === Status.ObjectNotExists
    )
    this.#unread ||= dropped || (await this.#peer.isPeerDead())
  }

  /**
   * After `fail`: deletes what was pushed and not consumed where nobody is left to read it, with all its parts, because
   * dropping a stream deletes chunks that are objects only shallowly.
   */
  async cleanUp(): Promise<void> {
    if (this.#notes !== this.#stream) await this.#delete([this.#notes]).catch(() => {})
    if (!this.#unread) return
    const control = this.#core.connection
    await Promise.allSettled([this.#delete(this.#window.remains), dropStream(control, this.#stream)])
    await sweepLeases(control).catch(() => {})
  }

  /** Instead of `fail`: looks after what has not been consumed, until it is gone or the consumer is. */
  finished(): void {
    this.#close()
    const { last, remains } = this.#window
    if (last === undefined) return
    const { peers, connection } = this.#core
    const stop = peers.add(async () => {
      try {
        const dead = await this.#peer.isPeerDead()
        if (!dead && (await exists(connection, last))) return
        stop()
        // Of chunks that were consumed, or that a vineyardd deletes with its stream, parts may be left.
        await this.#delete(remains)
        if (!dead) return
        await dropStream(connection, this.#stream).catch(() => {})
        await sweepLeases(connection)
      } catch {
        // The connection is lost, and with it the way to do anything.
        stop()
      }
    })
  }

  async #onConsumerGone(why: 'dead' | 'dropped'): Promise<void> {
    const { message, status } = losses[why]
    this.#onFailed?.(new VineyardError('ERR_VINEYARD_STREAM_FAILED', message, { status }))
    await this.fail()
    await this.cleanUp()
  }

  #close(): void {
    this.#peer.close()
    this.#unsubscribe()
  }

  #delete(ids: readonly ObjectId[]): Promise<void> {
    return deleteData(this.#core.connection, ids, { force: false, deep: true })
  }
}
