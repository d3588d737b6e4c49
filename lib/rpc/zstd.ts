/** The part of @cloudpss/zstd that is used here: streams of zstd without Node's stream machinery around them. */
interface Bindings {
  Compressor: new (level: number) => ZstdCompressor
  Decompressor: new () => ZstdDecompressor
}

export interface ZstdCompressor {
  /** Calls `emit` with what has become of the data so far; may hold some back. */
  data(bytes: Buffer, emit: (compressed: Buffer) => void): void
  /** Ends a frame; the next data begin another. */
  end(emit: (compressed: Buffer) => void): void
}

export interface ZstdDecompressor {
  data(bytes: Buffer, emit: (bytes: Buffer) => void): void
}

/** Upstream's level. */
const level = 3

let bindings: Promise<Zstd | undefined> | undefined

export interface Zstd {
  compressor(): ZstdCompressor
  decompressor(): ZstdDecompressor
}

/**
 * Streaming zstd, which Node has only from 22.15 on; undefined where there is no binary for this machine. Loaded when the
 * first TCP connection needs it: nobody else pays for it.
 */
export function loadZstd(): Promise<Zstd | undefined> {
  return (bindings ??= import('@cloudpss/zstd/napi').then(
    ({ _NapiBindings }) => {
      const { Compressor, Decompressor } = _NapiBindings as Bindings
      return { compressor: () => new Compressor(level), decompressor: () => new Decompressor() }
    },
    () => undefined
  ))
}
