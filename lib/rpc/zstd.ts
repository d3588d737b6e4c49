import { native, type Compressor, type Decompressor } from '../native.js'

/**
 * On a fast network compressing is what takes the time, and levels below 0 are the fastest. Upstream's is 3; who
 * decompresses need not know.
 */
const level = -1

/** Streams of zstd that are not in use. One has a megabyte or two, which are not touched anew for each transfer. */
class Idle<Stream extends { reset(): void }> {
  readonly #make: () => Stream
  #idle: Stream | undefined

  constructor(make: () => Stream) {
    this.#make = make
  }

  take(): Stream {
    const stream = this.#idle ?? this.#make()
    this.#idle = undefined
    return stream
  }

  /** One whose user has failed is not given back. */
  giveBack(stream: Stream): void {
    stream.reset()
    this.#idle = stream
  }
}

export const compressors = new Idle<Compressor>(() => native.createCompressor(level))
export const decompressors = new Idle<Decompressor>(() => native.createDecompressor())
