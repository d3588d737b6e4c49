import type { Client } from '../client/client.js'
import { VineyardError } from '../errors.js'
import { integer, numberedMembers, text } from '../objects/fields.js'
import type { Metadata } from '../objects/model.js'
import { checkObjectId, objectIdFromBigInt, type ObjectId } from '../protocol/ids.js'
import { parseJson } from '../protocol/json.js'
import { ByteStream } from './byte-stream.js'
import { DataframeStream } from './dataframe-stream.js'
import { GroupsMet } from './groups-met.js'
import { ParallelStream } from './parallel-stream.js'
import { RecordBatchStream } from './recordbatch-stream.js'
import type { VineyardStream } from './stream.js'
import { StreamCollection } from './stream-collection.js'
import type { GroupMember } from './stream-group.js'

/** Every stream type that `client.get` returns; a new one is one more entry. */
const streamTypes = [RecordBatchStream, DataframeStream, ByteStream]

/** Whether that is the typename of a stream, or of a group of streams. */
export function isStreamType(typename: string): boolean {
  return [...streamTypes, ParallelStream, StreamCollection].some(type => typename.startsWith(type.typename))
}

/** The stream object for metadata of a stream or a group of streams, or undefined for metadata of anything else. */
export async function streamFromMetadata(
  client: Client,
  meta: Metadata,
  met = new GroupsMet()
): Promise<GroupMember | undefined> {
  const type = streamTypes.find(candidate => meta.typename.startsWith(candidate.typename))
  if (type !== undefined) return new type(client, meta)
  if (meta.typename.startsWith(ParallelStream.typename)) {
    const members = await membersOfParallel(client, meta, met)
    return new ParallelStream(client, meta, members as VineyardStream<any, any, any>[])
  }
  if (meta.typename.startsWith(StreamCollection.typename)) {
    return new StreamCollection(client, meta, await membersOfCollection(client, meta, met))
  }
  return undefined
}

/** The streams of a ParallelStream, which are its members. */
export async function membersOfParallel(
  client: Client,
  meta: Metadata,
  met = new GroupsMet()
): Promise<GroupMember[]> {
  const below = met.below(meta.id)
  const members = numberedMembers(meta, '__streams_-', integer(meta, '__streams_-size', 0))
  return Promise.all(members.map(member => streamMember(client, member, below)))
}

/** The streams of a StreamCollection, which it only names: in a text, as decimal integers or as 'o…' ids. */
export async function membersOfCollection(
  client: Client,
  meta: Metadata,
  met = new GroupsMet()
): Promise<GroupMember[]> {
  const below = met.below(meta.id)
  const ids = collectionIds(meta)
  const metas = await Promise.all(ids.map(id => client.getMeta(id)))
  return Promise.all(metas.map(member => streamMember(client, member, below)))
}

function collectionIds(meta: Metadata): ObjectId[] {
  let ids
  try {
    ids = parseJson(text(meta, '__streams'))
  } catch (cause) {
    throw new VineyardError('ERR_VINEYARD_METADATA', `__streams of ${meta.id} cannot be read`, { cause })
  }
  if (!Array.isArray(ids))
    throw new VineyardError('ERR_VINEYARD_METADATA', `__streams of ${meta.id} is not a list`)
  return ids.map(id => {
    if (typeof id === 'bigint') return objectIdFromBigInt(id)
    if (typeof id === 'number' && Number.isSafeInteger(id)) return objectIdFromBigInt(BigInt(id))
    return checkObjectId(id)
  })
}

async function streamMember(client: Client, meta: Metadata, met: GroupsMet): Promise<GroupMember> {
  const stream = await streamFromMetadata(client, meta, met)
  if (stream !== undefined) return stream
  throw new VineyardError('ERR_VINEYARD_METADATA', `${meta.id} is a ${meta.typename}, not a stream`)
}
