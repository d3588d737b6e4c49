import type { Client } from '../client/client.js'
import type { Metadata } from '../objects/model.js'
import { ByteStream } from './byte-stream.js'
import { DataframeStream } from './dataframe-stream.js'
import { RecordBatchStream } from './recordbatch-stream.js'
import type { VineyardStream } from './stream.js'

/** Every stream type that `client.get` returns; a new one is one more entry. */
const streamTypes = [RecordBatchStream, DataframeStream, ByteStream]

/** The stream object for metadata of a stream, or undefined for metadata of anything else. */
export function streamFromMetadata(client: Client, meta: Metadata): VineyardStream<any, any> | undefined {
  const type = streamTypes.find(candidate => meta.typename.startsWith(candidate.typename))
  return type === undefined ? undefined : new type(client, meta)
}
