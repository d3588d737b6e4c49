import { native, type Compressor, type Decompressor } from '../native.js'

/**
 * On a fast network compressing is what takes the time, and levels below 0 are the fastest. Upstream's is 3; who
 * decompresses need not know.
 */
const level = -1

/** Made when it is needed. Nothing of what it compresses stays in it. */
let compressor: Compressor | undefined

/** `input` as one frame at the beginning of `output`. Returns its length. */
export function compress(input: Uint8Array, output: Uint8Array): number {
  compressor ??= native.createCompressor(level)
  return compressor.compress(input, output)
}

/** One that is not in use. It has a megabyte or two, which are not touched anew for each transfer. */
let idle: Decompressor | undefined

export function takeDecompressor(): Decompressor {
  const taken = idle ?? native.createDecompressor()
  idle = undefined
  return taken
}

/** One whose user has failed is not given back. */
export function giveBackDecompressor(decompressor: Decompressor): void {
  decompressor.reset()
  idle = decompressor
}
