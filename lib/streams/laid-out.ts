import { compactLayout, type CompactLayout } from '../client/compact-layout.js'
import { PackedDraft } from '../client/packed-layout.js'
import type { ObjectDraft } from '../objects/model.js'

/** A draft that is laid out as a compact chunk, with what it counts with. */
export class LaidOut {
  /** The chunk with a header, where all its variables are numbers. */
  readonly packed: PackedDraft | undefined

  private constructor(readonly layout: CompactLayout) {
    this.packed = PackedDraft.of(layout)
  }

  /** Undefined where the draft refers to objects that exist. */
  static of(draft: ObjectDraft, instanceId: number | bigint): LaidOut | undefined {
    const layout = compactLayout(draft, instanceId)
    return layout === undefined ? undefined : new LaidOut(layout)
  }

  /** The text of its template. */
  get text(): string {
    return this.layout.text
  }

  /** Even a chunk without a byte needs a blob, which is what the store hands on, unless it has a header. */
  get bytes(): number {
    return this.packed?.bytes ?? Math.max(this.layout.size, 1)
  }
}
