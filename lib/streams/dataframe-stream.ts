import type { RecordBatch, Table, TypeMap } from 'apache-arrow'
import { RecordBatch as Batch } from 'apache-arrow'
import type { Client } from '../client/client.js'
import type { ObjectReader, ReadMode, ReadObject } from '../client/object-reader.js'
import { BlobLayout } from '../client/packed-layout.js'
import { VineyardError } from '../errors.js'
import { attachLease, handleOf, type LeaseHandle } from '../memory/lease.js'
import { readIpc } from '../objects/arrow/ipc.js'
import { isRecordBatch, isTable } from '../objects/arrow/recognise.js'
import type { Metadata, ReadContext } from '../objects/model.js'
import { bytesOfBlob } from '../objects/opaque.js'
import { isBoolean } from '../options.js'
import { isBlobId, type ObjectId } from '../protocol/ids.js'
import { hasSchema, SchemaCheck } from './batch-schema.js'
import type { ChunkEncoder } from './chunk-encoder.js'
import { IpcDrafts } from './ipc-drafts.js'
import { chunkId, type PulledChunk } from './chunk-feed.js'
import type { Chunk } from './chunk-source.js'
import { openStreamObject } from './open-object.js'
import {
  createStreamObject,
  VineyardStream,
  type CreateStreamOptions,
  type OpenStreamOptions
} from './stream.js'
import type { WriteStreamOptions } from './writable.js'

const typename = 'vineyard::DataframeStream'

/** Options of the writers of a DataframeStream. */
export interface DataframeWriteStreamOptions extends WriteStreamOptions {
  /** Refuse a batch whose schema differs from the first one's (the default). */
  sameSchema?: boolean | undefined
}

/** A stream of record batches, each an Arrow IPC stream in a blob. Takes every Arrow type that apache-arrow has. */
export class DataframeStream<T extends TypeMap = any> extends VineyardStream<
  RecordBatch<T> | Table<T>,
  RecordBatch<T>,
  DataframeWriteStreamOptions
> {
  /** What the metadata of such a stream say it is. */
  static readonly typename = typename

  /** Creates a stream on the client's server. */
  static async create<T extends TypeMap = any>(
    client: Client,
    options: CreateStreamOptions = {}
  ): Promise<DataframeStream<T>> {
    return new DataframeStream<T>(client, await createStreamObject(client, typename, options))
  }

  /** Opens a stream that exists, by id or name. */
  static async open<T extends TypeMap = any>(
    client: Client,
    idOrName: ObjectId | string,
    options: OpenStreamOptions = {}
  ): Promise<DataframeStream<T>> {
    return openStreamObject(client, typename, idOrName, options, meta => new DataframeStream<T>(client, meta))
  }

  /** @internal */
  protected override readonly decode = readBatches<T>
  /** @internal */
  override readonly writerOptions = { sameSchema: isBoolean }

  /** @internal */
  protected override encoder(options: DataframeWriteStreamOptions): ChunkEncoder<RecordBatch<T> | Table<T>> {
    const schemas = options.sameSchema === false ? undefined : new SchemaCheck()
    const drafts = new IpcDrafts()
    return {
      blobsOnly: true,
      describe: value => {
        if (!hasSchema(value)) {
          throw new VineyardError('ERR_VINEYARD_TYPE', 'a DataframeStream takes RecordBatches and Tables')
        }
        schemas?.check(value)
        return batchesOf(value).map(batch => drafts.of(batch))
      },
      layOut: value => {
        if (!isRecordBatch(value)) return undefined
        schemas?.check(value)
        const draft = drafts.laidOut(value)
        return draft && new BlobLayout(draft)
      }
    }
  }
}

/** The batches of a value. A table without any still has a schema to tell: it becomes a batch of zero rows. */
function batchesOf(value: RecordBatch | Table): readonly RecordBatch[] {
  if (!isTable(value)) return [value]
  return value.batches.length > 0 ? value.batches : [new Batch(value.schema, undefined)]
}

/** A chunk of another producer may hold several batches, which then share its memory by count, or none. */
function readBatches<T extends TypeMap>(
  objects: ObjectReader,
  chunk: PulledChunk,
  mode: ReadMode
): Promise<Chunk<RecordBatch<T>>[]> | Chunk<RecordBatch<T>>[] {
  const id = chunkId(chunk)
  if (!isBlobId(id)) {
    throw new VineyardError('ERR_VINEYARD_TYPE', `a dataframe stream has object ${id} where a blob should be`)
  }
  const chunksOf = ({
    value: batches,
    bytes,
    leased
  }: ReadObject<RecordBatch[]>): Chunk<RecordBatch<T>>[] => {
    return batches.map(batch => ({ value: batch as RecordBatch<T>, bytes: bytes / batches.length, leased }))
  }
  return typeof chunk === 'string'
    ? objects.readAs(chunk, mode, decodeBatches).then(chunksOf)
    : chunksOf(objects.readInline(chunk, mode, decodeBatches))
}

/** The batches of an IPC stream in a blob; with leased memory each is released by itself. */
export function decodeBatches(blob: Metadata, context: ReadContext): RecordBatch[] {
  const handles: LeaseHandle[] = []
  const newHandle = (): LeaseHandle | undefined => {
    const handle = context.newHandle()
    if (handle !== undefined) handles.push(handle)
    return handle
  }
  try {
    const batches = readIpc(bytesOfBlob(context, blob), newHandle)
    batches.forEach((batch, index) => {
      const handle = handles[index]
      if (handle !== undefined && handleOf(batch) === undefined) attachLease(batch, handle)
    })
    return batches
  } catch (error) {
    for (const handle of handles) handle.release()
    throw new VineyardError('ERR_VINEYARD_METADATA', `chunk ${blob.id} is not an Arrow IPC stream`, {
      cause: error
    })
  } finally {
    context.handle?.release()
  }
}
