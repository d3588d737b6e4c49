export { connect, Client } from './client/client.js'
export type { StreamStats } from './client/counters.js'
export type {
  ChunkMessage,
  ConnectMessage,
  ErrorMessage,
  ReleasedMessage,
  RequestMessage,
  WaitMessage
} from './diagnostics/channels.js'
export type {
  ClientStats,
  DeleteOptions,
  GetNameOptions,
  GetOptions,
  ListOptions,
  MigrateOptions,
  PutOptions
} from './client/client.js'
export type { ConnectOptions } from './client/settings.js'
export { VineyardError } from './errors.js'
export type { VineyardErrorCode, VineyardErrorOptions } from './errors.js'
export { release } from './memory/lease.js'
export type { Metadata } from './objects/model.js'
export type { ObjectId } from './protocol/ids.js'
export type { JsonObject, JsonValue } from './protocol/json.js'
export type { Status } from './protocol/status.js'
export type { WindowLimits } from './protocol/window.js'
export type { EndpointOptions, StoreOptions } from './store/options.js'
export type { StoreStatus } from './store/status.js'
export { Store } from './store/store.js'
export type { CloseOptions } from './store/store.js'
export { RecordBatchStream } from './streams/recordbatch-stream.js'
export type { RecordBatchWriteStreamOptions } from './streams/recordbatch-stream.js'
export type { StreamReader, NextOptions, ReaderOptions } from './streams/reader.js'
export type { ReadStreamOptions } from './streams/readable.js'
export type { CreateStreamOptions, OpenStreamOptions, VineyardStream } from './streams/stream.js'
export type { SharingOptions, SlowReaderPolicy } from './streams/sharing.js'
export type { WriteStreamOptions } from './streams/writable.js'
export type { StreamWriter, WriterOptions } from './streams/writer.js'
export type { TypedReadable, TypedWritable } from './streams/typed-streams.js'
export { ByteStream } from './streams/byte-stream.js'
export type { Bytes, ByteReadStreamOptions, ByteWriteStreamOptions } from './streams/byte-stream.js'
export { DataframeStream } from './streams/dataframe-stream.js'
export type { DataframeWriteStreamOptions } from './streams/dataframe-stream.js'
export { ParallelStream } from './streams/parallel-stream.js'
export type { MemberType, PerInstanceOptions } from './streams/parallel-stream.js'
export type { PartitionOption } from './streams/partition.js'
export { StreamCollection } from './streams/stream-collection.js'
export type { CreateCollectionOptions } from './streams/stream-collection.js'
export type {
  GroupMember,
  GroupReadStreamOptions,
  GroupWriteStreamOptions,
  ReadFrom,
  StreamGroup,
  WrittenTo
} from './streams/stream-group.js'
export { OpaqueObject } from './objects/opaque.js'
export { DataFrameBatch } from './objects/pandas/dataframe-batch.js'
export type { Label } from './objects/pandas/labels.js'
export { Index } from './objects/pandas/index-value.js'
export { Series } from './objects/pandas/series-type.js'
export { SparseArray } from './objects/pandas/sparse-array.js'
export { receive } from './workers/receive.js'
export { share } from './workers/share.js'
export type { SharedChunk } from './workers/shared-chunk.js'
export { tensor } from './objects/tensor/tensor-value.js'
export type { TensorArray } from './objects/tensor/dtype.js'
export type {
  NumericTensor,
  StringTensor,
  TensorOptions,
  TensorProperties
} from './objects/tensor/tensor-value.js'
