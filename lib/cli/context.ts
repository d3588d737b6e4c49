import { Option, type Command } from 'commander'
import { connect, type Client } from '../client/client.js'
import { connectionSettings } from '../client/settings.js'
import { readWith } from './arguments.js'
import { onEndSignal } from './end-signals.js'
import { Interrupted, UsageError } from './exit.js'
import type { Host } from './host.js'

export interface Credentials {
  username?: string
  password?: string
}

export interface ServerOptions extends Credentials {
  server?: string
}

/** Options of every command that talks to a server. */
export function withServer(command: Command): Command {
  return command
    .addOption(
      new Option(
        '-s, --server <address>',
        'path of its socket, or tcp://host:port (default: $VINEYARD_IPC_SOCKET, $VINEYARD_RPC_ENDPOINT or /var/run/vineyard.sock)'
      ).argParser(readAddress)
    )
    .option('-u, --username <name>', 'user name')
    .option('-p, --password <password>', 'password (better: $VINEYARD_PASSWORD)')
}

function readAddress(text: string): string {
  return readWith(() => connectionSettings(text).address, text)
}

/**
 * User and password, of which neither means anything alone: one that was forgotten must not leave a store open, or a
 * client without what it was told to use. $VINEYARD_PASSWORD alone is nothing that a client was told.
 */
export function credentialsOf(options: Credentials, { env }: Host): Required<Credentials> | undefined {
  const { username, password = username === undefined ? undefined : env['VINEYARD_PASSWORD'] } = options
  if (username === undefined && password === undefined) return undefined
  if (username === undefined) throw new UsageError('--password needs --username')
  if (password === undefined) throw new UsageError('--username needs --password or $VINEYARD_PASSWORD')
  return { username, password }
}

/** Runs `work` with a client, and closes it. A signal to end aborts the signal: whoever waits ends, and this rejects with Interrupted. */
export async function withClient(
  host: Host,
  options: ServerOptions,
  work: (client: Client, signal: AbortSignal) => Promise<void>
): Promise<void> {
  const credentials = credentialsOf(options, host)
  const interrupted = new AbortController()
  const listenNoMore = onEndSignal(host, () => interrupted.abort())
  const { signal } = interrupted
  try {
    const client = await connect(options.server, { signal, ...credentials })
    try {
      await work(client, signal)
    } finally {
      await client.close()
    }
  } catch (error) {
    // What fails because of the interruption is its consequence.
    if (!signal.aborted) throw error
  } finally {
    listenNoMore()
  }
  if (signal.aborted) throw new Interrupted()
}
