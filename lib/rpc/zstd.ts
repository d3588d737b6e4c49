import { native, type Compressor, type Decompressor } from '../native.js'
import { Spare } from './spare.js'

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

/** Each has a megabyte or two, which are not touched anew for each transfer. */
const decompressors = new Spare(() => native.createDecompressor())

export function takeDecompressor(): Decompressor {
  return decompressors.take()
}

/** One whose user has failed is not given back. */
export function giveBackDecompressor(decompressor: Decompressor): void {
  decompressor.reset()
  decompressors.giveBack(decompressor)
}
