import type { ClientCore } from './client-core.js'
import { Connection } from './connection.js'
import { patienceMs } from './patience.js'
import type { ConnectionSettings } from './settings.js'

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
  const { connection: own, settings } = core
  if (!own.lost) return work(own)
  const connection = await openImpatient(settings)
  try {
    return await work(connection)
  } finally {
    connection.close()
  }
}

/** A connection on which a server may be silent only as long as whoever is being closed waits. */
export function openImpatient(settings: ConnectionSettings): Promise<Connection> {
  const timeout = settings.timeout > 0 ? Math.min(settings.timeout, patienceMs) : patienceMs
  return Connection.open({ ...settings, timeout })
}
