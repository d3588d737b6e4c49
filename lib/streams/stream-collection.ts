import type { Client } from '../client/client.js'
import { createData } from '../client/requests/metadata.js'
import { argumentError, checkClient, checkOptions, isJsonObject, isText, type Check } from '../options.js'
import { isObjectId, objectIdToDecimal, type ObjectId } from '../protocol/ids.js'
import type { JsonObject } from '../protocol/json.js'
import { openStreamObject } from './open-object.js'
import { nameObject, type OpenStreamOptions } from './stream.js'
import { takeBack } from './removal.js'
import { StreamGroup, type GroupMember } from './stream-group.js'
import { membersOfCollection } from './stream-types.js'

const typename = 'vineyard::StreamCollection'

/** A vineyardd cannot read metadata with such a key again, and ends when somebody else signs. */
const harmfulKey = /^(?:|-|[0-9]+|signature)$/

/** It takes anything for the second and can never delete the object again. */
const booleanKeys = ['global', 'transient']

/** The server takes an object in metadata for a member. */
const isFlatJson: Check = (value, what) => {
  isJsonObject(value, what)
  const harmful = Object.keys(value as JsonObject).find(key => harmfulKey.test(key))
  if (harmful !== undefined)
    throw argumentError('ERR_INVALID_ARG_VALUE', `The ${what} must not have the key '${harmful}'`)
  for (const key of booleanKeys) {
    const field = (value as JsonObject)[key]
    if (field !== undefined && typeof field !== 'boolean')
      throw argumentError('ERR_INVALID_ARG_VALUE', `The ${what} must have a boolean as '${key}', or none`)
  }
  const nested = Object.entries(value as JsonObject).find(
    ([, field]) => typeof field === 'object' && field !== null && !Array.isArray(field)
  )
  if (nested !== undefined)
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `The ${what} must not contain objects, and ${nested[0]} is one`
    )
}

/** Options of `StreamCollection.create`. */
export interface CreateCollectionOptions {
  /** Further metadata of the collection, as upstream's readers add `__path` or `__options`. Objects are not possible. */
  metadata?: JsonObject | undefined
  /** Gives the collection a name, and so makes it persistent. A name that something else has is taken over. */
  name?: string | undefined
}

/** Any streams, or collections of streams, that somebody put together: upstream's readers make one for a folder. */
export class StreamCollection<Member extends GroupMember = GroupMember> extends StreamGroup<Member> {
  /** What the metadata of such a group say it is. */
  static readonly typename = typename

  /**
   * Makes a collection of streams that exist. They stay streams of their own. A group that occurs twice in it, in whatever
   * depth, is refused with ERR_INVALID_ARG_VALUE, and with ERR_VINEYARD_METADATA where somebody else's collection is read.
   */
  static async create<Member extends GroupMember>(
    client: Client,
    streams: readonly Member[],
    options: CreateCollectionOptions = {}
  ): Promise<StreamCollection<Member>> {
    checkClient(client)
    checkOptions(options, { metadata: isFlatJson, name: isText })
    if (!Array.isArray(streams) || !streams.every(stream => isObjectId((stream as GroupMember)?.id))) {
      throw argumentError('ERR_INVALID_ARG_TYPE', 'The "streams" argument must be an array of streams')
    }
    const groups = streams.flatMap(stream => (stream instanceof StreamGroup ? stream.groupIds : []))
    if (new Set(groups).size !== groups.length)
      throw argumentError('ERR_INVALID_ARG_VALUE', 'a group of streams must not occur twice in a collection')
    const { connection, reader } = client.core
    const [id] = (await createData(connection, [
      {
        nbytes: 0,
        global: false,
        ...options.metadata,
        // Decimal integers in a text, beyond 2^53, as upstream writes them.
        __streams: `[${streams.map(stream => objectIdToDecimal(stream.id)).join(',')}]`,
        typename,
        instance_id: connection.info.instanceId
      }
    ])) as [ObjectId]
    try {
      if (options.name !== undefined) await nameObject(client, id, options.name)
      return new StreamCollection(client, await reader.metadata(id), streams)
    } catch (error) {
      await takeBack(client.core, id, error)
      throw error
    }
  }

  /** Opens a collection that exists, by id or name. */
  static async open<Member extends GroupMember = GroupMember>(
    client: Client,
    idOrName: ObjectId | string,
    options: OpenStreamOptions = {}
  ): Promise<StreamCollection<Member>> {
    return openStreamObject(client, typename, idOrName, options, async meta => {
      return new StreamCollection(client, meta, (await membersOfCollection(client, meta)) as Member[])
    })
  }
}
