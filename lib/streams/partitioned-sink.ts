import type { ChunkSink } from './chunk-source.js'

/** The parts of a value and the member that each goes to. */
export type Partition<In> = (value: In) => readonly { member: number; part: In }[]

/** Several sinks that share what is written. All finish or all fail. */
export class PartitionedSink<In> implements ChunkSink<In> {
  readonly #sinks: readonly ChunkSink<In>[]
  readonly #partition: Partition<In>

  constructor(sinks: readonly ChunkSink<In>[], partition: Partition<In>) {
    this.#sinks = sinks
    this.#partition = partition
  }

  /** Parts for different members go out at the same time. */
  async write(value: In): Promise<void> {
    await Promise.all(
      this.#partition(value).map(({ member, part }) => (this.#sinks[member] as ChunkSink<In>).write(part))
    )
  }

  async finish(): Promise<void> {
    await Promise.all(this.#sinks.map(sink => sink.finish()))
  }

  async close(): Promise<void> {
    await Promise.all(this.#sinks.map(sink => sink.close()))
  }

  onFailed(listener: (error: Error) => void): void {
    for (const sink of this.#sinks) sink.onFailed(listener)
  }
}
