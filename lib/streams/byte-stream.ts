import type { Client } from '../client/client.js'
import type { ObjectReader, ReadMode, ReadObject } from '../client/object-reader.js'
import { BlobLayout } from '../client/packed-layout.js'
import { VineyardError } from '../errors.js'
import { BlobDraft, type Draft } from '../objects/model.js'
import { read } from '../objects/registry.js'
import { argumentError, isAnything, isBoolean, isInteger } from '../options.js'
import { isBlobId, type ObjectId } from '../protocol/ids.js'
import { ByteReadable } from './byte-readable.js'
import { ByteWritable } from './byte-writable.js'
import type { ChunkEncoder } from './chunk-encoder.js'
import { openStreamObject } from './open-object.js'
import { ChunkReadable, checkReadStreamOptions, type ReadStreamOptions } from './readable.js'
import { chunkId, type PulledChunk } from './chunk-feed.js'
import type { Chunk } from './chunk-source.js'
import {
  createStreamObject,
  VineyardStream,
  type CreateStreamOptions,
  type OpenStreamOptions
} from './stream.js'
import { readAhead } from './sharing.js'
import type { TypedReadable, TypedWritable } from './typed-streams.js'
import { ChunkWritable, checkWriteStreamOptions, type WriteStreamOptions } from './writable.js'

const typename = 'vineyard::ByteStream'
/** Large enough that the cost of a chunk does not show beside copying it. */
const defaultChunkSize = 2 ** 20

/** Options of `createReadStream` of a ByteStream. */
export interface ByteReadStreamOptions extends ReadStreamOptions {
  /** Give each chunk as a Buffer of its own, in shared memory where the server can keep it, instead of joined bytes. */
  objectMode?: boolean | undefined
  /** Gives text instead of Buffers, as `setEncoding` does. Not with `objectMode`. */
  encoding?: BufferEncoding | undefined
}

/** Options of the writers of a ByteStream. */
export interface ByteWriteStreamOptions extends WriteStreamOptions {
  /** Bytes that are gathered into a chunk at most: 1 MiB by default. */
  chunkSize?: number | undefined
  /** Take Buffers and make each a chunk, empty ones too. */
  objectMode?: boolean | undefined
}

/** What a byte stream takes: bytes, or several pieces that make up one run of bytes. */
export type Bytes = Uint8Array | readonly Uint8Array[]

/** A stream of bytes: each chunk is a blob. */
export class ByteStream extends VineyardStream<Bytes, Buffer, ByteWriteStreamOptions> {
  /** What the metadata of such a stream say it is. */
  static readonly typename = typename

  /** Creates a stream on the client's server. */
  static async create(client: Client, options: CreateStreamOptions = {}): Promise<ByteStream> {
    return new ByteStream(client, await createStreamObject(client, typename, options))
  }

  /** Opens a stream that exists, by id or name. */
  static async open(
    client: Client,
    idOrName: ObjectId | string,
    options: OpenStreamOptions = {}
  ): Promise<ByteStream> {
    return openStreamObject(client, typename, idOrName, options, meta => new ByteStream(client, meta))
  }

  /** @internal */
  protected override readonly decode = readBytes
  /** @internal */
  override readonly writerOptions = { chunkSize: isInteger(1), objectMode: isBoolean }

  /** A byte-mode Readable whose Buffers are copies, or with `objectMode` one that gives the chunks as they are. */
  override createReadStream(options: ByteReadStreamOptions = {}): TypedReadable<Buffer> {
    // Node checks the encoding.
    checkReadStreamOptions(options, { encoding: isAnything })
    if (options.objectMode === true && options.encoding !== undefined) {
      const message = 'The "encoding" option is for byte mode: with "objectMode" chunks are Buffers'
      throw argumentError('ERR_INVALID_ARG_VALUE', message)
    }
    const ahead = readAhead(options, [this])
    if (options.objectMode === true)
      return new ChunkReadable(
        (origin, signal) => this.connectReader(this.client, { ...options, signal }, origin),
        ahead
      )
    return new ByteReadable(
      (origin, signal) => this.connectReader(this.client, { ...options, copy: true, signal }, origin),
      ahead
    )
  }

  /** A byte-mode Writable, or with `objectMode` one that makes each Buffer a chunk. */
  override createWriteStream(options: ByteWriteStreamOptions = {}): TypedWritable<Bytes> {
    checkWriteStreamOptions(options, this.writerOptions)
    const { chunkSize = defaultChunkSize } = options
    if (options.objectMode === true)
      return new ChunkWritable(signal => this.connectWriter(this.client, { ...options, signal }), options)
    return new ByteWritable(signal => this.connectWriter(this.client, { ...options, chunkSize, signal }), {
      ...options,
      chunkSize
    })
  }

  /** @internal */
  protected override encoder(options: ByteWriteStreamOptions): ChunkEncoder<Bytes> {
    // Without a chunk size, which only byte mode has, what is appended is one chunk.
    const { chunkSize = Infinity, objectMode = false } = options
    const limit = objectMode ? Infinity : chunkSize
    return {
      blobsOnly: true,
      describe: value => chunksOf(value, limit),
      layOut: value => (isOneChunk(value, limit) ? new BlobLayout(BlobDraft.copyOf(value)) : undefined)
    }
  }
}

function readBytes(
  objects: ObjectReader,
  chunk: PulledChunk,
  mode: ReadMode
): Promise<Chunk<Buffer>[]> | Chunk<Buffer>[] {
  const id = chunkId(chunk)
  if (!isBlobId(id)) {
    throw new VineyardError('ERR_VINEYARD_TYPE', `a byte stream has object ${id} where a blob should be`)
  }
  const chunksOfObject = ({ value, bytes, leased }: ReadObject): Chunk<Buffer>[] => [
    { value: value as Buffer, bytes, leased }
  ]
  return typeof chunk === 'string'
    ? objects.read(chunk, mode).then(chunksOfObject)
    : chunksOfObject(objects.readInline(chunk, mode, read))
}

function isOneChunk(value: Bytes, limit: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length > 0 && value.length <= limit
}

/** Drafts of at most `limit` bytes that copy straight out of the pieces. */
function chunksOf(value: Bytes, limit: number): Draft[] {
  const pieces = value instanceof Uint8Array ? [value] : value
  if (!Array.isArray(pieces) || !pieces.every(piece => piece instanceof Uint8Array)) {
    throw new VineyardError('ERR_VINEYARD_TYPE', 'a byte stream takes Buffers and Uint8Arrays')
  }
  const drafts: Draft[] = []
  let gathered: Uint8Array[] = []
  let size = 0
  const flush = (): void => {
    const parts = gathered
    drafts.push(
      new BlobDraft(
        size,
        target => {
          let at = 0
          for (const part of parts) {
            target.set(part, at)
            at += part.length
          }
        },
        parts
      )
    )
    gathered = []
    size = 0
  }
  for (const piece of pieces) {
    for (let from = 0; from < piece.length;) {
      const part = piece.subarray(from, from + limit - size)
      gathered.push(part)
      size += part.length
      from += part.length
      if (size === limit) flush()
    }
  }
  if (size > 0 || drafts.length === 0) flush()
  return drafts
}
