import type { ClientCore } from './client-core.js'
import { Connection } from './connection.js'
import { patienceMs } from './patience.js'

/**
 * `work` over the client's own connection or, where that was lost, over a new one: the server may go on, as may the other
 * ends of its streams, who wait for ever unless they are told. There is one attempt, as patient as whoever is being closed.
 * Where it fails the server has gone, or the line is cut, and nobody can be told anything: whoever watches an end over TCP
 * misses its beats then.
 */
export async function overAnyConnection<T>(
  core: ClientCore,
  work: (connection: Connection) => Promise<T>
): Promise<T> {
  return core.connection.lost ? overNewConnection(core, work) : work(core.connection)
}

/**
 * The same over a new connection in any case: a vineyardd may answer only when its etcd does, which must hold up nothing
 * else. Nor does it depend on the client, which may be closing.
 */
export async function overNewConnection<T>(
  { settings }: ClientCore,
  work: (connection: Connection) => Promise<T>
): Promise<T> {
  const timeout = settings.timeout > 0 ? Math.min(settings.timeout, patienceMs) : patienceMs
  const connection = await Connection.open({ ...settings, timeout })
  try {
    return await work(connection)
  } finally {
    connection.close()
  }
}
