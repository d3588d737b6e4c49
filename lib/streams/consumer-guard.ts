import type { ClientCore } from '../client/client-core.js'
import type { Connection } from '../client/connection.js'
import { overAnyConnection } from '../client/last-words.js'
import { ImpatientRequests } from '../client/patience.js'
import { stopStream } from '../client/requests/streams.js'
import type { VineyardError } from '../errors.js'
import type { ObjectId } from '../protocol/ids.js'
import { onUnwatched, PeerGuard } from './peer-guard.js'
import { discardStream } from './teardown.js'
import { deleteUnpushed } from './unpushed.js'

/** What a consumer does on a vineyardd for the case that its producer dies. */
export class ConsumerGuard {
  readonly #core: ClientCore
  readonly #stream: ObjectId
  readonly #peer: PeerGuard
  #unsubscribe = (): void => {}

  private constructor(core: ClientCore, stream: ObjectId) {
    this.#core = core
    this.#stream = stream
    this.#peer = new PeerGuard(core, stream, 'consumer', () => {
      // It wakes a waiting pull when everything before has been read. Refused where the producer had finished.
      stopStream(core.connection, stream, true).catch(() => {})
    })
  }

  static async open(core: ClientCore, connection: Connection, stream: ObjectId): Promise<ConsumerGuard> {
    const guard = new ConsumerGuard(core, stream)
    await guard.#peer.introduce(connection)
    return guard
  }

  /** `listener` is told when nothing would wake a pull any more whose producer dies. */
  onUnwatched(listener: (error: VineyardError) => void): void {
    this.#unsubscribe = onUnwatched(this.#core, listener)
  }

  /**
   * The reader's connection was lost: gives the stream up, as closing the reader would, so that its producer does not wait. A
   * server does not notice it of a reader that waits for a chunk, or has never asked for one.
   */
  lost(name: string | undefined): void {
    const discarded = overAnyConnection(this.#core, control =>
      discardStream(control, control, work => this.#core.removing(work), control, this.#stream, name)
    )
    // A client that is closed meanwhile waits for it.
    this.#core.endsFirst(discarded).catch(() => {})
  }

  /** The stream has failed and everything in it was pulled: `pulled` chunks. */
  async failed(pulled: number): Promise<void> {
    const { connection } = this.#core
    await deleteUnpushed(new ImpatientRequests(connection), connection, this.#stream, pulled)
  }

  close(): void {
    this.#peer.close()
    this.#unsubscribe()
  }
}
