import { headerBytes } from '../protocol/template.js'
import type { ChunkTarget } from './chunk-target.js'
import type { BlobDraft } from '../objects/model.js'
import { fillLayout, writeBlob, type CompactLayout } from './compact-layout.js'

/** A value that is laid out to be written as a packed chunk (lib/protocol/extension.ts), or as a blob. */
export interface PackedLayout {
  /** The text of the template; undefined for a blob, which has no header either. */
  readonly template: string | undefined
  /** Bytes of the chunk, its header among them. */
  readonly size: number
  /** Bytes that it counts with: without the header. */
  readonly bytes: number
  /** Writes header and blobs, from byte `at` of the target (a multiple of 64). */
  write(target: ChunkTarget, at: number): void
}

/** A value whose blobs lie in memory from `allocate()` already. */
export interface PlacedLayout {
  readonly template: string
  readonly buffer: ArrayBuffer
  readonly vars: readonly number[]
  /** Offset and size in the buffer of each blob. */
  readonly spans: readonly number[]
}

/** A blob that is a chunk itself. Not for an empty one, which has no memory. */
export class BlobLayout implements PackedLayout {
  readonly template = undefined
  readonly size: number
  readonly bytes: number
  readonly #draft: BlobDraft

  constructor(draft: BlobDraft) {
    this.size = this.bytes = draft.size
    this.#draft = draft
  }

  write(target: ChunkTarget, at: number): void {
    writeBlob(this.#draft, target, at)
  }
}

/** The layout of a draft whose variables are all numbers. */
export class PackedDraft implements PackedLayout {
  readonly template: string
  readonly size: number
  readonly bytes: number
  readonly #layout: CompactLayout
  readonly #header: number

  constructor(layout: CompactLayout) {
    this.template = layout.text
    this.#layout = layout
    this.#header = headerBytes(layout.vars.length, layout.blobs.length)
    this.bytes = layout.size
    this.size = this.#header + layout.size
  }

  static of(layout: CompactLayout): PackedDraft | undefined {
    return layout.vars.every(value => typeof value === 'number') ? new PackedDraft(layout) : undefined
  }

  write(target: ChunkTarget, at: number): void {
    const { vars, spans } = this.#layout
    const header = Float64Array.of(...(vars as number[]), ...spans)
    target.put(at, new Uint8Array(header.buffer))
    fillLayout(this.#layout, target, at + this.#header)
  }
}
