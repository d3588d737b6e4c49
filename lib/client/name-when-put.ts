import { setTimeout as delay } from 'node:timers/promises'
import { Status, type VineyardError } from '../errors.js'
import type { ObjectId } from '../protocol/ids.js'
import type { Connection } from './connection.js'
import { getName } from './requests/names.js'

/** ms between two questions: the first, doubled after each, up to the longest, by which a name may be heard of late. */
const firstPollMs = 1
const longestPollMs = 50

/** The object of a name, once it has one. `connection` is of nobody else: on the store the request blocks it. */
export function nameWhenPut(connection: Connection, name: string): Promise<ObjectId> {
  return connection.extended ? getName(connection, name, true) : pollName(connection, name)
}

/**
 * A vineyardd keeps a request that waits for a name, and the connection with its descriptor, until that name is put, also
 * when its client has long gone: so it is asked again and again. Closing `connection` ends that at once.
 */
async function pollName(connection: Connection, name: string): Promise<ObjectId> {
  const ending = new AbortController()
  const unsubscribe = connection.onClosed(error => ending.abort(error))
  try {
    for (let poll = firstPollMs; ; poll = Math.min(poll * 2, longestPollMs)) {
      const id = await namedObject(connection, name)
      if (id !== undefined) return id
      await delay(poll, undefined, { signal: ending.signal })
    }
  } catch (error) {
    throw ending.signal.aborted ? ending.signal.reason : error
  } finally {
    unsubscribe()
  }
}

async function namedObject(connection: Connection, name: string): Promise<ObjectId | undefined> {
  try {
    return await getName(connection, name, false)
  } catch (error) {
    if ((error as VineyardError).status === Status.ObjectNotExists) return undefined
    throw error
  }
}
