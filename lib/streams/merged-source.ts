import { release } from '../memory/lease.js'
import type { Chunk, ChunkSource } from './chunk-source.js'

/** One member: at most one chunk of it is fetched before it is asked for, which is its backpressure. */
interface Member<Out> {
  source: ChunkSource<Out>
  ready: Chunk<Out> | undefined
  fetching: Promise<void> | undefined
  ended: boolean
}

/**
 * Several sources as one: whoever has a chunk gives it, in turns, so that a fast member does not starve a slow one. The
 * order within a member holds. Fails when one member fails, after what others have ready.
 */
export class MergedSource<Out> implements ChunkSource<Out> {
  readonly #members: Member<Out>[]
  #turn = 0
  #failure: Error | undefined

  constructor(sources: readonly ChunkSource<Out>[]) {
    this.#members = sources.map(source => ({ source, ready: undefined, fetching: undefined, ended: false }))
  }

  async nextChunk(): Promise<Chunk<Out> | undefined> {
    for (;;) {
      // Members that go on would hide a failure for as long as they have more.
      if (this.#failure === undefined) for (const member of this.#members) this.#fetch(member)
      const chunk = this.#take()
      if (chunk !== undefined) return chunk
      if (this.#failure !== undefined) throw this.#failure
      const waiting = this.#members.flatMap(member => member.fetching ?? [])
      if (waiting.length === 0) return undefined
      await Promise.race(waiting)
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ source }) => source.close()))
    for (const { ready } of this.#members) if (ready !== undefined) release(ready.value)
  }

  #fetch(member: Member<Out>): void {
    if (member.ended || member.ready !== undefined || member.fetching !== undefined) return
    member.fetching = member.source.nextChunk().then(
      chunk => {
        member.fetching = undefined
        member.ready = chunk
        member.ended = chunk === undefined
      },
      (error: unknown) => {
        member.fetching = undefined
        member.ended = true
        this.#failure ??= error as Error
      }
    )
  }

  /** The chunk of the first member, from the one whose turn it is, that has one. */
  #take(): Chunk<Out> | undefined {
    const count = this.#members.length
    for (let step = 0; step < count; step += 1) {
      const index = (this.#turn + step) % count
      const member = this.#members[index] as Member<Out>
      const { ready } = member
      if (ready === undefined) continue
      member.ready = undefined
      this.#turn = index + 1
      return ready
    }
    return undefined
  }
}
