import type { Client } from '../client/client.js'
import type { VineyardError } from '../errors.js'
import { isOneOf } from '../options.js'

/** What becomes of an instance of the cluster that cannot be reached. */
type Unreachable = 'skip' | 'fail'

/** How an instance that cannot be reached shows: nothing listens, it does not answer, or it dies meanwhile. */
const unreachableCodes = ['ERR_VINEYARD_CONNECT', 'ERR_VINEYARD_TIMEOUT', 'ERR_VINEYARD_CONNECTION_LOST']

const isUnreachable = isOneOf('skip', 'fail')

export function checkUnreachable(value: Unreachable = 'skip'): Unreachable {
  isUnreachable(value, '"unreachable" option')
  return value
}

/**
 * A client for each instance of the cluster, in the order of their numbers. An instance that was killed stays listed
 * until the others have missed its heartbeats for a while, so being listed says little: at its endpoint there may be
 * nobody, or the instance that was started in its place.
 */
export async function onEachInstance(client: Client, unreachable: Unreachable): Promise<Client[]> {
  const instances = Object.keys(await client.clusterMeta())
    .map(key => Number(key.slice(1)))
    .sort((a, b) => a - b)
  const results = await Promise.allSettled(instances.map(instance => client.at(instance)))
  return results.flatMap(result => {
    if (result.status === 'fulfilled') return [result.value]
    if (unreachable === 'skip' && unreachableCodes.includes((result.reason as VineyardError).code)) return []
    throw result.reason
  })
}
