import { readMemoryFile, writeMemoryFile } from '../memory/memory-file.js'
import { native, type Mapping } from '../native.js'

/** Node 20 has no ArrayBuffer of more than 4 GiB. */
const largestView = 2 ** 30

/** The bytes of the pool in this process, for blobs that travel through a connection. Mapped when first needed. */
export class PoolBytes {
  readonly #fd: number
  readonly #size: number
  #mapping: Mapping | undefined
  /** Where the runtime forbids views: what `views` returned instead, and where it is from. */
  readonly #copies = new Map<Uint8Array, number>()

  constructor(fd: number, size: number) {
    this.#fd = fd
    this.#size = size
  }

  /** Views of a stretch, in order. To be given to `release`, after which they are empty. */
  views(offset: number, size: number): Uint8Array[] {
    if (native.viewsForbidden) {
      const copy = readMemoryFile(this.#fd, offset, size)
      this.#copies.set(copy, offset)
      return [copy]
    }
    this.#mapping ??= native.map(this.#fd, this.#size, true)
    const views: Uint8Array[] = []
    for (let at = 0; at < size; at += largestView) {
      views.push(new Uint8Array(this.#mapping.view(offset + at, Math.min(largestView, size - at))))
    }
    return views
  }

  /** A copy of a stretch of at most 1 GiB. */
  copy(offset: number, size: number): Uint8Array<ArrayBuffer> {
    const views = this.views(offset, size)
    const copy = (views[0] ?? new Uint8Array(0)).slice()
    this.release(views)
    return copy
  }

  /** Makes what was written into views be in the pool, for those that are copies. */
  written(views: readonly Uint8Array[]): void {
    for (const view of views) {
      const offset = this.#copies.get(view)
      if (offset !== undefined) writeMemoryFile(this.#fd, offset, view)
    }
  }

  release(views: readonly Uint8Array[]): void {
    for (const view of views) {
      this.#copies.delete(view)
      native.detach(view.buffer as ArrayBuffer)
    }
  }

  close(): void {
    this.#mapping?.close()
  }
}
