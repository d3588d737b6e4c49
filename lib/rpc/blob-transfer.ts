/**
 * The bytes of blobs between frames (messages.md §11). As they are, one blob after the other; or compressed, each blob a
 * series of pieces: 8 bytes of length, little-endian, and so many bytes of zstd.
 */
import type { RawReceiver, TcpChannel } from './tcp-channel.js'
import type { Zstd, ZstdCompressor, ZstdDecompressor } from './zstd.js'

/** So much is given to the socket, or to the compressor, at a time. */
const sliceBytes = 1024 * 1024
const lengthBytes = 8
/** Upstream's receivers have a buffer of this size and do not check. */
const maxPiece = 131_591

/** A blob as pieces of memory, in order. */
export type BlobBytes = readonly Uint8Array[]

/** Sends the bytes of blobs, as fast as the other end takes them. Ends early, without an error, if the channel closes. */
export async function sendBlobs(
  channel: TcpChannel,
  blobs: Iterable<BlobBytes>,
  zstd: Zstd | undefined
): Promise<void> {
  const compressor = zstd?.compressor()
  for (const blob of blobs) {
    if (compressor === undefined) await sendPlain(channel, blob)
    else await sendCompressed(channel, blob, compressor)
  }
}

function* slices(blob: BlobBytes): Generator<Uint8Array> {
  for (const bytes of blob) {
    for (let at = 0; at < bytes.length; at += sliceBytes) yield bytes.subarray(at, at + sliceBytes)
  }
}

async function sendPlain(channel: TcpChannel, blob: BlobBytes): Promise<void> {
  for (const slice of slices(blob)) await channel.sendRaw(slice)
}

/**
 * One frame of zstd for each blob. The library offers no flush within a frame; upstream takes both. Its receivers stop
 * reading when they have all bytes of the blob, so the end of the frame must come with the last of those: the last byte
 * of what was compressed before waits for it.
 */
async function sendCompressed(
  channel: TcpChannel,
  blob: BlobBytes,
  compressor: ZstdCompressor
): Promise<void> {
  const out: Buffer[] = []
  let held: Buffer = Buffer.alloc(0)
  const emit = (compressed: Buffer): void => {
    const bytes = Buffer.concat([held, compressed])
    out.push(bytes.subarray(0, -1))
    held = bytes.subarray(-1)
  }
  let empty = true
  for (const slice of slices(blob)) {
    empty = false
    compressor.data(asBuffer(slice), emit)
    for (const bytes of out.splice(0)) await sendPieces(channel, bytes)
    // Compressing takes its time, and others wait for this thread.
    await new Promise(setImmediate)
  }
  if (empty) return
  const end: Buffer[] = [held]
  compressor.end(compressed => void end.push(compressed))
  await sendPieces(channel, Buffer.concat(end))
}

function sendPieces(channel: TcpChannel, bytes: Buffer): Promise<void> | undefined {
  let room: Promise<void> | undefined
  // The last piece must be whole where the end of a frame is in it, so what is over goes first.
  for (let at = 0; at < bytes.length;) {
    const over = (bytes.length - at) % maxPiece
    const size = over === 0 ? maxPiece : over
    const length = Buffer.alloc(lengthBytes)
    length.writeBigUInt64LE(BigInt(size))
    void channel.sendRaw(length)
    room = channel.sendRaw(bytes.subarray(at, at + size)) ?? room
    at += size
  }
  return room
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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

/** Fills memory with the bytes of blobs that arrive compressed, as one stream of zstd or as a frame for each. */
export class CompressedReceiver implements RawReceiver {
  readonly #plain: PlainReceiver
  readonly #decompressor: ZstdDecompressor
  readonly #length = Buffer.alloc(lengthBytes)
  #lengthRead = 0
  /** Bytes of the current piece that have not come. */
  #left = 0

  constructor(targets: readonly Uint8Array[], zstd: Zstd) {
    this.#plain = new PlainReceiver(targets)
    this.#decompressor = zstd.decompressor()
  }

  get done(): boolean {
    return this.#plain.done && this.#left === 0
  }

  take(bytes: Buffer): number {
    if (this.#left === 0) return this.#takeLength(bytes)
    const count = Math.min(bytes.length, this.#left)
    this.#left -= count
    // One call gives back at most one block more than it was given input for. A piece ends with a block, so its last byte
    // goes alone: that call begins with nothing held back, and has room for the block that the byte completes.
    const last = this.#left === 0 ? count - 1 : count
    if (last > 0) this.#decompressor.data(bytes.subarray(0, last), this.#store)
    if (last < count) this.#decompressor.data(bytes.subarray(last, count), this.#store)
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

  readonly #store = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length;) {
      if (this.#plain.done) throw new Error('there are more compressed bytes than the blobs have')
      at += this.#plain.take(bytes.subarray(at))
    }
  }
}
