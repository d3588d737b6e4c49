import type { Client } from '../client/client.js'
import { createData } from '../client/requests/metadata.js'
import { argumentError, checkClient, checkIsObject, isInteger, isText } from '../options.js'
import type { ObjectId } from '../protocol/ids.js'
import type { JsonObject } from '../protocol/json.js'
import {
  nameObject,
  type CreateStreamOptions,
  type OpenStreamOptions,
  type VineyardStream
} from './stream.js'
import { openStreamObject } from './open-object.js'
import { RecordBatchStream } from './recordbatch-stream.js'
import { checkUnreachable, onEachInstance } from './instances.js'
import { takeBack } from './removal.js'
import { perInstanceKey, StreamGroup } from './stream-group.js'
import { membersOfParallel } from './stream-types.js'

const typename = 'vineyard::ParallelStream'
const isCount = isInteger(1)

type AnyStream = VineyardStream<any, any, any>

/** A stream type that a ParallelStream can be made of. */
export interface MemberType<Member extends AnyStream = AnyStream> {
  /** Of a class, the member: from its `create` the compiler would take columns that are no table's. */
  readonly prototype?: Member
  /** Creates a member. */
  create(client: Client, options?: CreateStreamOptions): Promise<Member>
}

/** Options of `ParallelStream.create` for a stream on each instance of a cluster. */
export interface PerInstanceOptions<Member extends AnyStream = AnyStream> extends CreateStreamOptions {
  /** One stream on each instance of the cluster. */
  perInstance: true
  /** What the members are: RecordBatchStreams by default. */
  type?: MemberType<Member> | undefined
  /**
   * What becomes of an instance that cannot be reached within ten seconds: `'skip'`, the default, makes the stream on the
   * others, so that a job can be run again as soon as an instance has died, which stays in `clusterMeta()` for a while.
   * `'fail'` rejects.
   */
  unreachable?: 'skip' | 'fail' | undefined
}

/** A fixed number of streams that are one global object: written and read as one, or one process for each partition. */
export class ParallelStream<Member extends AnyStream = AnyStream> extends StreamGroup<Member> {
  /** What the metadata of such a group say it is. */
  static readonly typename = typename

  /** Creates `count` streams of a type and the object that holds them. */
  static async create<Member extends AnyStream>(
    client: Client,
    count: number,
    type: MemberType<Member>,
    options?: CreateStreamOptions
  ): Promise<ParallelStream<Member>>
  /**
   * Creates one stream on each instance of the cluster that can be reached, and the object that holds them, visible from
   * every instance. With `unreachable: 'fail'` it rejects with ERR_VINEYARD_CONNECT or ERR_VINEYARD_TIMEOUT where one
   * cannot be reached.
   */
  static async create<Member extends AnyStream = RecordBatchStream>(
    client: Client,
    options: PerInstanceOptions<Member>
  ): Promise<ParallelStream<Member>>
  static async create<Member extends AnyStream>(
    client: Client,
    countOrOptions: number | PerInstanceOptions<Member>,
    type?: MemberType<Member>,
    options: CreateStreamOptions = {}
  ): Promise<ParallelStream<Member>> {
    checkClient(client)
    if (typeof countOrOptions !== 'object' || countOrOptions === null) {
      return createParallel(
        client,
        onOneInstance(client, countOrOptions),
        type as MemberType<Member>,
        options
      )
    }
    const { perInstance, type: memberType = RecordBatchStream, unreachable, ...rest } = countOrOptions
    if (perInstance !== true) {
      throw argumentError('ERR_INVALID_ARG_VALUE', 'The "perInstance" option must be true')
    }
    const clients = await onEachInstance(client, checkUnreachable(unreachable))
    return createParallel(client, clients, memberType as unknown as MemberType<Member>, rest, {
      [perInstanceKey]: true
    })
  }

  /** Opens a parallel stream that exists, by id or name. */
  static async open<Member extends AnyStream = AnyStream>(
    client: Client,
    idOrName: ObjectId | string,
    options: OpenStreamOptions = {}
  ): Promise<ParallelStream<Member>> {
    return openStreamObject(client, typename, idOrName, options, async meta => {
      return new ParallelStream(client, meta, (await membersOfParallel(client, meta)) as Member[])
    })
  }
}

/** The same client for each member. */
function onOneInstance(client: Client, count: unknown): Client[] {
  isCount(count, '"count" argument')
  return Array.from({ length: count as number }, () => client)
}

async function createParallel<Member extends AnyStream>(
  client: Client,
  clients: readonly Client[],
  type: MemberType<Member>,
  options: CreateStreamOptions,
  metadata: JsonObject = {}
): Promise<ParallelStream<Member>> {
  checkIsObject(options)
  if (typeof (type as Partial<MemberType> | undefined)?.create !== 'function') {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      'The "type" argument must be a stream type, such as RecordBatchStream'
    )
  }
  const { name, ...memberOptions } = options
  if (name !== undefined) isText(name, '"name" option')
  const spans = perInstanceKey in metadata
  const streams: Member[] = []
  let id: ObjectId | undefined
  const { connection, reader } = client.core
  try {
    for (const owner of clients) {
      const stream = await type.create(owner, memberOptions)
      streams.push(stream)
      if (!spans) continue
      // Only what is persistent can be a member of an object of another instance, and only when that has heard of it.
      await owner.persist(stream.id)
      await client.getMeta(stream.id)
    }
    const content: JsonObject = {
      ...metadata,
      typename,
      instance_id: connection.info.instanceId,
      global: true,
      nbytes: 0,
      '__streams_-size': streams.length
    }
    streams.forEach((stream, index) => (content[`__streams_-${index}`] = { id: stream.id }))
    ;[id] = (await createData(connection, [content])) as [ObjectId]
    if (spans) await client.persist(id)
    if (name !== undefined) await nameObject(client, id, name)
    const meta = await reader.metadata(id)
    const members = spans ? ((await membersOfParallel(client, meta)) as Member[]) : streams
    return new ParallelStream(client, meta, members)
  } catch (error) {
    if (id !== undefined) await takeBack(client.core, id, error)
    await Promise.allSettled(streams.map(stream => stream.drop()))
    throw error
  }
}
