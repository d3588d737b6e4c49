import { Table, type RecordBatch, type TypeMap } from 'apache-arrow'
import type { Client } from '../client/client.js'
import type { ObjectReader, ReadMode, ReadObject } from '../client/object-reader.js'
import { isRecordBatch } from '../objects/arrow/recognise.js'
import { describe, read } from '../objects/registry.js'
import { isBoolean, isOneOf } from '../options.js'
import type { ObjectId } from '../protocol/ids.js'
import { BatchLayouts } from './batch-layout.js'
import { hasSchema, SchemaCheck } from './batch-schema.js'
import type { ChunkEncoder } from './chunk-encoder.js'
import type { PulledChunk } from './chunk-feed.js'
import type { Chunk } from './chunk-source.js'
import { openStreamObject } from './open-object.js'
import {
  createStreamObject,
  VineyardStream,
  type CreateStreamOptions,
  type OpenStreamOptions
} from './stream.js'
import type { WriteStreamOptions } from './writable.js'

const typename = 'vineyard::RecordBatchStream'

/** Options of the writers of a RecordBatchStream. */
export interface RecordBatchWriteStreamOptions extends WriteStreamOptions {
  /** What a RecordBatch becomes: itself by default, or a vineyard::DataFrame, which Python reads as pandas. */
  as?: 'recordbatch' | 'dataframe' | undefined
  /** Refuse a batch whose schema differs from the first one's (the default). */
  sameSchema?: boolean | undefined
}

/**
 * A stream of objects, usually record batches: each chunk is an object of its own, so the reader may be in another
 * language. Python reads what is written as pyarrow.RecordBatch, or as pandas.DataFrame with `as: 'dataframe'`.
 */
export class RecordBatchStream<T extends TypeMap = any> extends VineyardStream<
  RecordBatch<T> | Table<T>,
  RecordBatch<T>,
  RecordBatchWriteStreamOptions
> {
  /** What the metadata of such a stream say it is. */
  static readonly typename = typename

  /** Creates a stream on the client's server. */
  static async create<T extends TypeMap = any>(
    client: Client,
    options: CreateStreamOptions = {}
  ): Promise<RecordBatchStream<T>> {
    return new RecordBatchStream<T>(client, await createStreamObject(client, typename, options))
  }

  /** Opens a stream that exists, by id or name. */
  static async open<T extends TypeMap = any>(
    client: Client,
    idOrName: ObjectId | string,
    options: OpenStreamOptions = {}
  ): Promise<RecordBatchStream<T>> {
    return openStreamObject(
      client,
      typename,
      idOrName,
      options,
      meta => new RecordBatchStream<T>(client, meta)
    )
  }

  /** @internal */
  protected override readonly decode = readChunk<T>
  /** @internal */
  override readonly writerOptions = { as: isOneOf('recordbatch', 'dataframe'), sameSchema: isBoolean }

  /** @internal */
  protected override encoder(
    options: RecordBatchWriteStreamOptions,
    instanceId: number | bigint
  ): ChunkEncoder<RecordBatch<T> | Table<T>> {
    const { as } = options
    const schemas = options.sameSchema === false ? undefined : new SchemaCheck()
    const layouts = new BatchLayouts(instanceId)
    return {
      describe: value => {
        // Any object can be pushed; only batches have a schema to compare.
        if (hasSchema(value)) schemas?.check(value)
        return [describe(value, { as })]
      },
      layOut: value => {
        if (as === 'dataframe' || !isRecordBatch(value)) return undefined
        schemas?.check(value)
        return layouts.of(value)
      },
      placed: (value, isAllocated) => {
        if (as === 'dataframe' || !isRecordBatch(value)) return undefined
        schemas?.check(value)
        return layouts.placed(value, isAllocated)
      }
    }
  }
}

/** Any object can be pushed. */
function readChunk<T extends TypeMap>(
  objects: ObjectReader,
  chunk: PulledChunk,
  mode: ReadMode
): Promise<Chunk<RecordBatch<T>>[]> | Chunk<RecordBatch<T>>[] {
  return typeof chunk === 'string'
    ? objects.read(chunk, mode).then(object => batchesOf<T>(object))
    : batchesOf<T>(objects.readInline(chunk, mode, read))
}

/** A Table comes as its batches, which share its memory by count. */
function batchesOf<T extends TypeMap>({ value, bytes, leased }: ReadObject): Chunk<RecordBatch<T>>[] {
  if (!(value instanceof Table)) return [{ value: value as RecordBatch<T>, bytes, leased }]
  const { batches } = value as Table<T>
  return batches.map(batch => ({ value: batch, bytes: bytes / batches.length, leased }))
}
