import { setTimeout as delay } from 'node:timers/promises'
import { abortable, throwIfAborted } from '../abort.js'
import type { Client } from '../client/client.js'
import type { Connection } from '../client/connection.js'
import { nameWhenPut } from '../client/name-when-put.js'
import { getData } from '../client/requests/metadata.js'
import { getName } from '../client/requests/names.js'
import { VineyardError } from '../errors.js'
import type { Metadata } from '../objects/model.js'
import { checkClient, checkOptions, isBoolean, isSignal, isText } from '../options.js'
import { isObjectId, type ObjectId } from '../protocol/ids.js'
import type { OpenStreamOptions } from './stream.js'

/** No server tells when a name gets another object, only when it gets one at all. */
const firstPollMs = 1
const longestPollMs = 20

/**
 * What `make` makes of the metadata of an existing stream, by id or name. Rejects with ERR_VINEYARD_TYPE if it is something
 * else, ERR_VINEYARD_NOT_FOUND if it does not exist; with `wait` a name is waited for, also while its object is gone.
 */
export async function openStreamObject<T>(
  client: Client,
  typename: string,
  idOrName: string,
  options: OpenStreamOptions,
  make: (meta: Metadata) => T | Promise<T>
): Promise<T> {
  checkClient(client)
  checkOptions(options, { wait: isBoolean, signal: isSignal })
  isText(idOrName, '"idOrName" argument')
  const { wait = false, signal } = options
  throwIfAborted(signal)
  const open = async (id: ObjectId): Promise<T> => {
    const meta = await client.getMeta(id)
    if (meta.typename.startsWith(typename)) return make(meta)
    throw new VineyardError('ERR_VINEYARD_TYPE', `${idOrName} is a ${meta.typename}, not a ${typename}`)
  }
  if (isObjectId(idOrName)) return abortable(open(idOrName), signal)
  if (!wait) return abortable(client.getName(idOrName).then(open), signal)
  return client.core.briefly(connection => openWhenThere(connection, idOrName, open, signal), signal)
}

/** A name outlives its object for a moment when a stream is dropped, and for good when somebody deletes only the object. */
async function openWhenThere<T>(
  connection: Connection,
  name: string,
  open: (id: ObjectId) => Promise<T>,
  signal: AbortSignal | undefined
): Promise<T> {
  for (let poll = firstPollMs; ; poll = Math.min(2 * poll, longestPollMs)) {
    const id = await nameWhenPut(connection, name)
    try {
      return await abortable(open(id), signal)
    } catch (error) {
      if (!isNotFound(error) || (await stands(connection, name, id))) throw error
    }
    await delay(poll, undefined, signal === undefined ? {} : { signal })
  }
}

/** Whether a name still has an object that exists: then it is a member of that which does not. */
async function stands(connection: Connection, name: string, id: ObjectId): Promise<boolean> {
  try {
    if ((await getName(connection, name, false)) !== id) return false
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
  return (await getData(connection, [id], { syncRemote: true })).length > 0
}

function isNotFound(error: unknown): boolean {
  return (error as Partial<VineyardError>).code === 'ERR_VINEYARD_NOT_FOUND'
}
