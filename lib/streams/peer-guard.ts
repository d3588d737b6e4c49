import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import type { Round } from '../client/peer-watch.js'
import { openStream, readMode, writeMode } from '../client/requests/streams.js'
import { Status, VineyardError } from '../errors.js'
import { lifeOf, ownIdentity, remoteIdentity } from '../memory/identity.js'
import type { ObjectId } from '../protocol/ids.js'
import {
  beatPresence,
  createPresence,
  deletePresences,
  getPresence,
  listPresences,
  otherEnd,
  type End,
  type Presence
} from './presence.js'

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
  /** What tells the other end who this one is. */
  #presence: ObjectId | undefined
  /** The other end's, as it was when it was found. */
  #peer: Presence | undefined
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
    this.#unwatch = core.peers.add(round => this.#look(round))
  }

  /** Tells the other end who this one is, over a connection that ends with whoever opens this one. Never rejects. */
  async introduce(connection: Connection): Promise<void> {
    const identity = connection.remote ? remoteIdentity() : ownIdentity()
    await createPresence(connection, this.#stream, this.#end, identity).then(
      presence => (this.#presence = presence),
      () => {}
    )
  }

  /** Whether the other end is known to be dead now. */
  async isPeerDead(round?: Round): Promise<boolean> {
    if (!this.#peerDead && this.#listens) this.#readPeer(await this.#findPeer(round))
    return this.#peerDead || (this.#peer !== undefined && lifeOf(this.#peer.owner) === 'dead')
  }

  close(): void {
    this.#unwatch()
  }

  async #look(round: Round): Promise<void> {
    if (await this.#isDropped()) {
      this.close()
      // Who dropped the stream may not have seen it.
      if (this.#presence !== undefined)
        deletePresences(this.#core.connection, [this.#presence]).catch(() => {})
      this.#onLost('dropped')
      return
    }
    if (this.#listens) this.#readPeer(await this.#findPeer(round))
    if (this.#peer === undefined) return
    const life = lifeOf(this.#peer.owner)
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

  /** Whether its presence may say something new of the other end. */
  get #listens(): boolean {
    return this.#peer === undefined || this.#heard !== undefined
  }

  #readPeer(presence: Presence | undefined): void {
    this.#peer ??= presence
    const beat = presence?.beat
    if (this.#heard !== undefined)
      this.#heard = { beat, silent: this.#heard.beat === beat ? this.#heard.silent + 1 : 0 }
  }

  /** The presence of the other end as it is now; where many ends look for theirs, one request finds all. */
  async #findPeer(round: Round | undefined): Promise<Presence | undefined> {
    const { connection } = this.#core
    try {
      if (this.#peer !== undefined) return await getPresence(connection, this.#peer.id)
      const presences =
        round === undefined
          ? byEnd(await listPresences(connection, this.#stream))
          : await round.once('presences', async () => byEnd(await listPresences(connection)))
      return presences.get(keyOf(this.#stream, otherEnd[this.#end]))
    } catch {
      // The connection tells everybody who waits on it that it is lost.
      return undefined
    }
  }

  #beat(): void {
    if (this.#presence === undefined) return
    this.#ownBeats += 1
    beatPresence(this.#core.connection, this.#presence, this.#ownBeats).catch(() => {})
  }

  get #isSilent(): boolean {
    return this.#heard !== undefined && this.#heard.silent >= silentLooks
  }
}

function byEnd(presences: readonly Presence[]): Map<string, Presence> {
  return new Map(presences.map(presence => [keyOf(presence.stream, presence.end), presence]))
}

function keyOf(stream: ObjectId, end: End): string {
  return `${stream}/${end}`
}
