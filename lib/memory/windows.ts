import { native, type Mapping } from '../native.js'

/** The file is looked at through windows of this many bytes, at multiples of it. */
const windowBytes = 2 ** 20
/** So many are kept: V8 counts them as memory of this process, and a reader uses the same few over and over. */
const maxWindows = 16

/**
 * Access to small stretches of a mapping. Making and detaching a view costs about 2 µs, more than copying a small blob,
 * so views of some megabytes are kept.
 */
export class Windows {
  readonly #mapping: Mapping
  readonly #kept = new Map<number, Uint8Array>()

  constructor(mapping: Mapping) {
    this.#mapping = mapping
  }

  /** Runs `use` on bytes of the mapping; they must not be kept. */
  use<T>(offset: number, size: number, use: (bytes: Uint8Array) => T): T {
    const index = Math.floor(offset / windowBytes)
    const start = index * windowBytes
    // A copy would not show what changes: it is made anew each time.
    if (!native.viewsForbidden && offset + size <= start + windowBytes) {
      const window = this.#kept.get(index) ?? this.#open(index)
      return use(window.subarray(offset - start, offset - start + size))
    }
    const view = this.#mapping.view(offset, size)
    try {
      return use(new Uint8Array(view))
    } finally {
      native.detach(view)
    }
  }

  close(): void {
    for (const window of this.#kept.values()) native.detach(window.buffer as ArrayBuffer)
    this.#kept.clear()
  }

  #open(index: number): Uint8Array {
    if (this.#kept.size >= maxWindows) {
      const [oldest, window] = this.#kept.entries().next().value as [number, Uint8Array]
      this.#kept.delete(oldest)
      native.detach(window.buffer as ArrayBuffer)
    }
    const start = index * windowBytes
    const size = Math.min(windowBytes, this.#mapping.length - start)
    const window = new Uint8Array(this.#mapping.view(start, size))
    this.#kept.set(index, window)
    return window
  }
}
