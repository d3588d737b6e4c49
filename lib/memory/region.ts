import { fstatSync } from 'node:fs'
import { VineyardError } from '../errors.js'
import { native, type Mapping } from '../native.js'
import { Windows } from './windows.js'

const regions = new Map<string, Region>()

/**
 * One memory file of a server, mapped once in this thread however many connections have received its descriptor.
 * Readers map it read-only, so that a stray write ends the process and never changes what others read.
 */
export class Region {
  readonly #key: string
  readonly #fd: number
  readonly #length: number
  #users = 0
  #readable: Mapping | undefined
  #writable: Mapping | undefined
  #readWindows: Windows | undefined
  #writeWindows: Windows | undefined

  private constructor(key: string, fd: number, length: number) {
    this.#key = key
    this.#fd = fd
    this.#length = length
  }

  /** The region of a received descriptor, which this call takes over. Each acquire needs one `drop`. */
  static acquire(fd: number): Region {
    let stat
    try {
      stat = fstatSync(fd, { bigint: true })
    } catch (error) {
      throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'a received descriptor is not open', { cause: error })
    }
    const key = `${stat.dev}:${stat.ino}`
    let region = regions.get(key)
    if (region === undefined) {
      region = new Region(key, fd, Number(stat.size))
      regions.set(key, region)
    } else {
      native.closeFd(fd)
    }
    region.#users += 1
    return region
  }

  /** One more user, for a lease: its descriptor stays open, so that other threads can map it too. */
  retain(): this {
    this.#users += 1
    return this
  }

  /** Unmapped when the last user has dropped it and the last view is gone. */
  drop(): void {
    this.#users -= 1
    if (this.#users > 0) return
    regions.delete(this.#key)
    this.#readWindows?.close()
    this.#writeWindows?.close()
    this.#readable?.close()
    this.#writable?.close()
    native.closeFd(this.#fd)
  }

  /** The descriptor of the memory file, which stays open while a lease looks at it, and how many bytes it has. */
  get file(): { fd: number; length: number; key: string } {
    return { fd: this.#fd, length: this.#length, key: this.#key }
  }

  /** A read-only external view, for a lease. Never write to it: that is a SIGSEGV. */
  view(offset: number, size: number): ArrayBuffer {
    this.#check(offset, size)
    return this.#readMapping().view(offset, size)
  }

  /**
   * Memory to fill, for a blob that this process created and has not sealed: a writable external view, or where the
   * runtime forbids those memory that `closeWritable` copies from.
   */
  writableView(offset: number, size: number): ArrayBuffer {
    this.#check(offset, size)
    return native.viewsForbidden ? new ArrayBuffer(size) : this.#writeMapping().view(offset, size)
  }

  /** Ends the access through a writable view: from here on the blob has what was written. */
  closeWritable(offset: number, view: ArrayBuffer): void {
    if (native.viewsForbidden) this.put(offset, new Uint8Array(view))
    native.detach(view)
  }

  /** A copy of bytes, in memory of its own. */
  copy(offset: number, size: number): Uint8Array<ArrayBuffer> {
    return this.read(offset, size, bytes => bytes.slice())
  }

  /** Runs `use` on the bytes of a blob; they must not be kept. */
  read<T>(offset: number, size: number, use: (bytes: Uint8Array) => T): T {
    this.#check(offset, size)
    return (this.#readWindows ??= new Windows(this.#readMapping())).use(offset, size, use)
  }

  /** Copies bytes into a blob that this process created and has not sealed. */
  put(offset: number, bytes: Uint8Array): void {
    this.#check(offset, bytes.length)
    this.#writeMapping().write(offset, bytes)
  }

  /** Runs `fill` on the memory of a blob that this process created and has not sealed. */
  write(offset: number, size: number, fill: (target: Uint8Array) => void): void {
    this.#check(offset, size)
    if (native.viewsForbidden) {
      const bytes = new Uint8Array(size)
      fill(bytes)
      this.put(offset, bytes)
      return
    }
    ;(this.#writeWindows ??= new Windows(this.#writeMapping())).use(offset, size, fill)
  }

  #readMapping(): Mapping {
    return (this.#readable ??= native.map(this.#fd, this.#length, false))
  }

  #writeMapping(): Mapping {
    return (this.#writable ??= native.map(this.#fd, this.#length, true))
  }

  #check(offset: number, size: number): void {
    if (offset < 0 || size < 0 || offset + size > this.#length) {
      throw new VineyardError(
        'ERR_VINEYARD_PROTOCOL',
        `the server placed a blob at ${offset}+${size} of a memory file of ${this.#length} bytes`
      )
    }
  }
}
