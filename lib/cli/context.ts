import { Option, type Command } from 'commander'
import { connect, type Client } from '../client/client.js'

/** Exit codes; docs/cli.md lists them. 128 + the number of a signal is what shells expect of its death. */
export const exitCodes = { failed: 1, usage: 2, noServer: 3, notFound: 4, interrupted: 130 } as const

export interface ServerOptions {
  server?: string
  username?: string
  password?: string
}

/** Options of every command that talks to a server. */
export function withServer(command: Command): Command {
  return command
    .addOption(
      new Option('-s, --server <address>', 'path of its socket, or tcp://host:port').default(
        undefined,
        '$VINEYARD_IPC_SOCKET, $VINEYARD_RPC_ENDPOINT or /var/run/vineyard.sock'
      )
    )
    .option('-u, --username <name>', 'user name')
    .option('-p, --password <password>', 'password (better: $VINEYARD_PASSWORD)')
}

/** Runs `work` with a client, and closes it. SIGINT aborts the signal: whoever waits ends, and says so by its exit code. */
export async function withClient(
  options: ServerOptions,
  work: (client: Client, signal: AbortSignal) => Promise<void>
): Promise<void> {
  const { username, password = process.env['VINEYARD_PASSWORD'] } = options
  const interrupted = new AbortController()
  const onSignal = (): void => {
    process.exitCode = exitCodes.interrupted
    interrupted.abort()
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  const { signal } = interrupted
  try {
    const client = await connect(options.server, {
      signal,
      ...(username === undefined ? {} : { username, password })
    })
    try {
      await work(client, signal)
    } finally {
      await client.close()
    }
  } catch (error) {
    // What fails because of the interruption is its consequence; a reader of ours that has gone away is no failure.
    if (!signal.aborted && (error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

export function exitCodeOf(error: unknown): number {
  const { code } = error as { code?: string }
  if (code === 'ERR_VINEYARD_CONNECT' || code === 'ERR_VINEYARD_AUTH') return exitCodes.noServer
  if (code === 'ERR_VINEYARD_NOT_FOUND') return exitCodes.notFound
  if (code?.startsWith('commander.') === true || code === 'ERR_INVALID_ARG_VALUE') return exitCodes.usage
  return exitCodes.failed
}
