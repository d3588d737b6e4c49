/**
 * The bytes of blobs between frames (messages.md §11). As they are, one blob after the other; or compressed, each blob a
 * series of pieces: 8 bytes of length, little-endian, and so many bytes of zstd.
 */
import { Spare } from './spare.js'
import type { RawReceiver, TcpChannel } from './tcp-channel.js'
import { compress, giveBackDecompressor, takeDecompressor } from './zstd.js'

/** So much is given to the socket, or to the compressor, at a time. */
const sliceBytes = 1024 * 1024
const lengthBytes = 8
/** Upstream's receivers have a buffer of this size and do not check. */
const maxPiece = 131_591
/** So much becomes a piece, which even bytes that cannot be compressed have room in. */
const frameBytes = 128 * 1024
/** So many pieces are sent at a time: what a slice that cannot be compressed becomes. */
const outPieces = sliceBytes / frameBytes

/** A blob as pieces of memory, in order. */
export type BlobBytes = readonly Uint8Array[]

/** Sends the bytes of blobs, as fast as the other end takes them. Ends early, without an error, if the channel closes. */
export async function sendBlobs(
  channel: TcpChannel,
  blobs: Iterable<BlobBytes>,
  compressed: boolean
): Promise<void> {
  if (compressed) return sendCompressed(channel, blobs)
  for (const blob of blobs) {
    for (const slice of slices(blob)) await channel.sendRaw(slice)
  }
}

function* slices(blob: BlobBytes): Generator<Uint8Array> {
  for (const bytes of blob) {
    for (let at = 0; at < bytes.length; at += sliceBytes) yield bytes.subarray(at, at + sliceBytes)
  }
}

/**
 * Each slice as pieces that are frames of their own: compressing them, and decompressing what has arrived whole, needs no
 * copy of the bytes, as a window that goes on from one to the next does.
 */
async function sendCompressed(channel: TcpChannel, blobs: Iterable<BlobBytes>): Promise<void> {
  const pieces = new PieceWriter(channel)
  for (const blob of blobs) {
    for (const slice of slices(blob)) {
      await pieces.write(slice)
      // Compressing takes its time, and others wait for this thread.
      await new Promise(setImmediate)
    }
  }
  await pieces.end()
}

/** What pieces are made in: 2 MiB allocated anew for each transfer would have V8 collect garbage for each. */
const outputs = new Spare(() => [newOutput(), newOutput()] as const)

function newOutput(): Buffer {
  return Buffer.allocUnsafeSlow(outPieces * (lengthBytes + maxPiece))
}

/** Compresses into pieces, and sends many at a time; meanwhile it makes the next. */
class PieceWriter {
  readonly #channel: TcpChannel
  #out: Buffer
  #at = 0
  /** What is on its way. */
  #sent: Buffer
  #flushed = Promise.resolve()

  constructor(channel: TcpChannel) {
    this.#channel = channel
    ;[this.#out, this.#sent] = outputs.take()
  }

  async write(slice: Uint8Array): Promise<void> {
    for (let at = 0; at < slice.length; at += frameBytes) {
      if (this.#at + lengthBytes + maxPiece > this.#out.length) await this.flush()
      const begin = this.#at + lengthBytes
      const length = compress(
        slice.subarray(at, at + frameBytes),
        this.#out.subarray(begin, begin + maxPiece)
      )
      this.#out.writeBigUInt64LE(BigInt(length), this.#at)
      this.#at = begin + length
    }
  }

  /** Sends what there is, when what was sent before is with the system. */
  async flush(): Promise<void> {
    if (this.#at === 0) return
    await this.#flushed
    void this.#channel.sendRaw(this.#out.subarray(0, this.#at))
    this.#flushed = this.#channel.flushed()
    this.#at = 0
    ;[this.#out, this.#sent] = [this.#sent, this.#out]
  }

  /** Sends what is left. From then on the other end is waited for, which is timed otherwise. */
  async end(): Promise<void> {
    await this.flush()
    await this.#flushed
    outputs.giveBack([this.#out, this.#sent])
  }
}

/** Fills memory with the bytes of blobs that arrive as they are. */
export class PlainReceiver implements RawReceiver {
  readonly #targets: readonly Uint8Array[]
  #index = 0
  #filled = 0

  constructor(targets: readonly Uint8Array[]) {
    this.#targets = targets.filter(target => target.length > 0)
  }

  get done(): boolean {
    return this.#index === this.#targets.length
  }

  /** The rest of the blob whose turn it is; empty when all have come. */
  get room(): Uint8Array {
    return this.#targets[this.#index]?.subarray(this.#filled) ?? new Uint8Array(0)
  }

  filled(count: number): void {
    this.#filled += count
    if (this.#filled < (this.#targets[this.#index]?.length ?? 0)) return
    this.#index += 1
    this.#filled = 0
  }

  take(bytes: Buffer): number {
    const { room } = this
    const count = Math.min(bytes.length, room.length)
    room.set(count === bytes.length ? bytes : bytes.subarray(0, count))
    this.filled(count)
    return count
  }
}

/** Fills memory with the bytes of blobs that arrive compressed, as one stream of zstd or as frames of any size. */
export class CompressedReceiver implements RawReceiver {
  readonly #plain: PlainReceiver
  readonly #decompressor = takeDecompressor()
  readonly #length = Buffer.alloc(lengthBytes)
  #lengthRead = 0
  /** Bytes of the current piece that have not come. */
  #left = 0

  constructor(targets: readonly Uint8Array[]) {
    this.#plain = new PlainReceiver(targets)
  }

  get done(): boolean {
    return this.#plain.done && this.#left === 0
  }

  take(bytes: Buffer): number {
    if (this.#left === 0) return this.#takeLength(bytes)
    const count = Math.min(bytes.length, this.#left)
    this.#left -= count
    this.#decompress(bytes.subarray(0, count))
    if (this.done) giveBackDecompressor(this.#decompressor)
    return count
  }

  #takeLength(bytes: Buffer): number {
    const count = bytes.copy(this.#length, this.#lengthRead, 0, lengthBytes - this.#lengthRead)
    this.#lengthRead += count
    if (this.#lengthRead === lengthBytes) {
      this.#lengthRead = 0
      const length = this.#length.readBigUInt64LE()
      if (length > BigInt(2 ** 30)) throw new Error('a compressed piece is too long')
      this.#left = Number(length)
    }
    return count
  }

  #decompress(input: Uint8Array): void {
    for (let rest = input, full = false; rest.length > 0 || full;) {
      const { room } = this.#plain
      const [read, written] = this.#decompressor.decompress(rest, room)
      if (written > 0) this.#plain.filled(written)
      rest = rest.subarray(read)
      // What there was no room for goes to the next blob.
      full = written > 0 && written === room.length
      if (read === 0 && written === 0 && rest.length > 0) {
        throw new Error('there are more compressed bytes than the blobs have')
      }
    }
  }
}
