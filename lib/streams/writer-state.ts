import { Status, VineyardError } from '../errors.js'

/** Whether a writer takes chunks, and what became of it otherwise. The first reason why it failed stays. */
export class WriterState {
  #state: 'open' | 'finishing' | 'finished' | 'failed' = 'open'
  readonly #stopped = new AbortController()

  get open(): boolean {
    return this.#state === 'open'
  }

  get finished(): boolean {
    return this.#state === 'finished'
  }

  get failed(): boolean {
    return this.#state === 'failed'
  }

  /** Ends every wait of the writer; its reason is what they reject with. */
  get stopped(): AbortSignal {
    return this.#stopped.signal
  }

  checkOpen(): void {
    if (this.#state === 'open') return
    if (this.stopped.aborted) throw this.stopped.reason as Error
    throw new VineyardError('ERR_VINEYARD_CLOSED', 'the writer has finished')
  }

  /** Takes no more chunks while `work` tells the server of the end. Fails if that does. */
  async finish(work: () => Promise<void>): Promise<void> {
    this.checkOpen()
    this.#state = 'finishing'
    try {
      await work()
      this.#state = 'finished'
    } catch (error) {
      this.#state = 'failed'
      throw this.asStreamFailure(error)
    }
  }

  /** Fails it, unless it has ended; answers whether it did. */
  stop(reason: VineyardError): boolean {
    if (this.#state !== 'open' && this.#state !== 'finishing') return false
    this.#state = 'failed'
    this.#stopped.abort(reason)
    return true
  }

  /** The first reason wins: what fails because of it is only its consequence. */
  asStreamFailure(error: unknown): unknown {
    if (this.stopped.aborted) return this.stopped.reason
    const { status } = error as VineyardError
    if (status !== Status.ObjectNotExists && status !== Status.InvalidStreamState) return error
    return new VineyardError(
      'ERR_VINEYARD_STREAM_FAILED',
      'the stream was stopped or dropped: its reader has gone',
      {
        status,
        cause: error
      }
    )
  }
}
