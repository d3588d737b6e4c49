import { native, type Mapping } from '../native.js'

/** Node 20 has no ArrayBuffer of more than 4 GiB. */
const largestView = 2 ** 30

/** The bytes of the pool in this process, for blobs that travel through a connection. Mapped when first needed. */
export class PoolBytes {
  readonly #fd: number
  readonly #size: number
  #mapping: Mapping | undefined

  constructor(fd: number, size: number) {
    this.#fd = fd
    this.#size = size
  }

  /** Views of a stretch, in order. To be given to `release`, after which they are empty. */
  views(offset: number, size: number): Uint8Array[] {
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

  release(views: readonly Uint8Array[]): void {
    for (const view of views) native.detach(view.buffer as ArrayBuffer)
  }

  close(): void {
    this.#mapping?.close()
  }
}
