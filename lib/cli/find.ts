import type { Client } from '../client/client.js'
import { isObjectId, type ObjectId } from '../protocol/ids.js'

/** The object that an argument of the command line means: an id, or a name. */
export async function findObject(client: Client, idOrName: string, wait?: AbortSignal): Promise<ObjectId> {
  if (isObjectId(idOrName)) return idOrName
  return client.getName(idOrName, wait === undefined ? {} : { wait: true, signal: wait })
}
