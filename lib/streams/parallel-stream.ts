import type { Client } from '../client/client.js'
import { createData, deleteData } from '../client/requests.js'
import { argumentError, checkIsObject } from '../options.js'
import type { ObjectId } from '../protocol/ids.js'
import type { JsonObject } from '../protocol/json.js'
import {
  nameObject,
  openStreamObject,
  type CreateStreamOptions,
  type OpenStreamOptions,
  type VineyardStream
} from './stream.js'
import { StreamGroup } from './stream-group.js'
import { membersOfParallel } from './stream-types.js'

const typename = 'vineyard::ParallelStream'

type AnyStream = VineyardStream<any, any, any>

/** A stream type that a ParallelStream can be made of. */
export interface MemberType<Member extends AnyStream = AnyStream> {
  create(client: Client, options?: CreateStreamOptions): Promise<Member>
}

/** A fixed number of streams that are one global object: written and read as one, or one process for each partition. */
export class ParallelStream<Member extends AnyStream = AnyStream> extends StreamGroup<Member> {
  static readonly typename = typename

  /** Creates `count` streams of a type and the object that holds them. */
  static async create<Member extends AnyStream>(
    client: Client,
    count: number,
    type: MemberType<Member>,
    options: CreateStreamOptions = {}
  ): Promise<ParallelStream<Member>> {
    if (!Number.isSafeInteger(count) || count < 1) {
      throw argumentError(
        'ERR_OUT_OF_RANGE',
        `The "count" argument must be an integer >= 1. Received ${String(count)}`
      )
    }
    checkIsObject(options)
    const { name, ...memberOptions } = options
    const streams: Member[] = []
    let id: ObjectId | undefined
    const { connection, reader } = client.core
    try {
      for (let index = 0; index < count; index += 1) streams.push(await type.create(client, memberOptions))
      const content: JsonObject = {
        typename,
        instance_id: connection.info.instanceId,
        global: true,
        nbytes: 0,
        '__streams_-size': count
      }
      streams.forEach((stream, index) => (content[`__streams_-${index}`] = { id: stream.id }))
      ;[id] = (await createData(connection, [content])) as [ObjectId]
      if (name !== undefined) await nameObject(connection, id, name)
      return new ParallelStream(client, await reader.metadata(id), streams)
    } catch (error) {
      if (id !== undefined) await deleteData(connection, [id], { force: true, deep: false }).catch(() => {})
      await Promise.allSettled(streams.map(stream => stream.drop()))
      throw error
    }
  }

  /** Opens a parallel stream that exists, by id or name. */
  static async open<Member extends AnyStream = AnyStream>(
    client: Client,
    idOrName: ObjectId | string,
    options: OpenStreamOptions = {}
  ): Promise<ParallelStream<Member>> {
    const meta = await openStreamObject(client, typename, idOrName, options)
    return new ParallelStream(client, meta, (await membersOfParallel(client, meta)) as Member[])
  }
}
