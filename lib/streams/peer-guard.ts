import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import { label } from '../client/requests/metadata.js'
import { openStream, readMode, writeMode } from '../client/requests/streams.js'
import { Status, VineyardError } from '../errors.js'
import { lifeOf, ownIdentity, remoteIdentity } from '../memory/identity.js'
import type { ObjectId } from '../protocol/ids.js'
import {
  beatLabel,
  endLabel,
  labelText,
  otherEnd,
  readLabels,
  type End,
  type Labels
} from './stream-labels.js'

/**
 * An end in another pid namespace, or over TCP, is dead when so many looks in a row have found its beat unchanged. It beats
 * once a second, and is looked at once a second: its death is noticed after 3 to 5 seconds. Looks and not time, because who
 * had no turn of its own event loop meanwhile, or no answer, knows nothing. An end that computes for longer without a turn
 * of its event loop counts as dead; in the same namespace and on the server's own socket nothing depends on that.
 */
const silentLooks = 4

/**
 * Tells when the client's own connection is lost, over which ends are watched and stopped: an end that went on without could
 * wait for ever. Until the returned function is called.
 */
export function onUnwatched(core: ClientCore, listener: (error: VineyardError) => void): () => void {
  const message = "the client's own connection was lost, over which the stream is watched"
  return core.connection.onClosed(cause =>
    listener(new VineyardError('ERR_VINEYARD_CONNECTION_LOST', message, { cause }))
  )
}

/** One end of a stream on a vineyardd: tells who it is, and looks whether the other end lives. */
export class PeerGuard {
  readonly #core: ClientCore
  readonly #stream: ObjectId
  readonly #end: End
  readonly #onLost: (why: 'dead' | 'dropped') => void
  readonly #unwatch: () => void
  /** What this end has labelled the stream with, until it has been seen there. */
  #unseen: Readonly<Record<string, string>> | undefined
  #peer: string | undefined
  #peerDead = false
  #ownBeats = 0
  /** Set from when only beats tell that the other end lives: the last one, and how many looks have found no other. */
  #heard: { beat: string | undefined; silent: number } | undefined

  /** The stream's mark for this end has been taken. `onLost` is called once at most. */
  constructor(core: ClientCore, stream: ObjectId, end: End, onLost: (why: 'dead' | 'dropped') => void) {
    this.#core = core
    this.#stream = stream
    this.#end = end
    this.#onLost = onLost
    this.#unwatch = core.peers.add(() => this.#look())
  }

  /**
   * Tells the other end who this one is, and what else it labels the stream with, over a connection that ends with whoever
   * opens this one. Never rejects.
   */
  async introduce(connection: Connection, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    // Only the stream's object can have labels; where somebody has deleted it the other end cannot be told.
    const identity = connection.remote ? remoteIdentity() : ownIdentity()
    const own = { [endLabel(this.#end)]: identity, ...labels }
    await label(connection, this.#stream, own).then(
      () => (this.#unseen = own),
      () => {}
    )
  }

  /** Whether the other end is known to be dead now. */
  async isPeerDead(): Promise<boolean> {
    if (!this.#peerDead && this.#listens) this.#readPeer(await this.#labels())
    return this.#peerDead || (this.#peer !== undefined && lifeOf(this.#peer) === 'dead')
  }

  close(): void {
    this.#unwatch()
  }

  async #look(): Promise<void> {
    if (await this.#isDropped()) {
      this.close()
      this.#onLost('dropped')
      return
    }
    if (this.#unseen !== undefined || this.#listens) {
      const labels = await this.#labels()
      if (this.#unseen !== undefined) await this.#introduceAgain(this.#unseen, labels)
      if (this.#listens) this.#readPeer(labels)
    }
    if (this.#peer === undefined) return
    const life = lifeOf(this.#peer)
    if (life === 'unknown') this.#heard ??= { beat: undefined, silent: 0 }
    // Who is reached over a line that may be cut must not be taken for alive because its process is.
    if (life === 'unknown' || this.#core.connection.remote) this.#beat()
    if (life === 'alive' || (life === 'unknown' && !this.#isSilent)) return
    this.#peerDead = true
    this.close()
    this.#onLost('dead')
  }

  /** A mark that has been taken is refused while the stream exists, and cannot be taken after. */
  async #isDropped(): Promise<boolean> {
    const mode = this.#end === 'producer' ? writeMode : readMode
    return openStream(this.#core.connection, this.#stream, mode).then(
      () => false,
      (error: unknown) => (error as VineyardError).status === Status.ObjectNotExists
    )
  }

  /**
   * A vineyardd with etcd loses what one end labels a persistent stream with while the other one does: each writes all the
   * labels that it has read before. Nobody would notice the death of this end then.
   */
  async #introduceAgain(own: Readonly<Record<string, string>>, labels: Labels): Promise<void> {
    const lost = Object.entries(own).filter(([key]) => labelText(labels, key) === undefined)
    if (lost.length === 0) this.#unseen = undefined
    else await label(this.#core.connection, this.#stream, Object.fromEntries(lost)).catch(() => {})
  }

  /** Whether its labels may say something new of the other end. */
  get #listens(): boolean {
    return this.#peer === undefined || this.#heard !== undefined
  }

  #readPeer(labels: Labels): void {
    const other = otherEnd[this.#end]
    this.#peer = labelText(labels, endLabel(other)) ?? this.#peer
    const beat = labelText(labels, beatLabel(other))
    if (this.#heard !== undefined)
      this.#heard = { beat, silent: this.#heard.beat === beat ? this.#heard.silent + 1 : 0 }
  }

  async #labels(): Promise<Labels> {
    try {
      return (await readLabels(this.#core.connection, [this.#stream])).get(this.#stream) ?? {}
    } catch {
      // The connection tells everybody who waits on it that it is lost.
      return {}
    }
  }

  #beat(): void {
    this.#ownBeats += 1
    const beat = { [beatLabel(this.#end)]: String(this.#ownBeats) }
    label(this.#core.connection, this.#stream, beat).catch(() => {})
  }

  get #isSilent(): boolean {
    return this.#heard !== undefined && this.#heard.silent >= silentLooks
  }
}
