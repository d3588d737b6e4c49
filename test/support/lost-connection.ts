import { VineyardError, type Client } from 'vineyard-streams'
import type { Connection } from '#dist/client/connection.js'

/** Ends a client's own connection as if the server had, and leaves those of its readers and writers. */
export function loseConnection(client: Client): void {
  const { connection } = Reflect.get(client, 'core') as { connection: Connection }
  connection.lose(new VineyardError('ERR_VINEYARD_CONNECTION_LOST', 'lost by the test'))
}
