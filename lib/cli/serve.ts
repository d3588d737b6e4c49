import { once } from 'node:events'
import { Command } from 'commander'
import { parseEndpoint } from '../rpc/endpoint.js'
import { StoreServer } from '../store/server.js'

interface ServeOptions {
  socket: string
  size: string
  rpc?: string
  username?: string
  password?: string
}

/** `serve`: the store as a process of its own. SIGTERM and SIGINT close streams, remove the socket, exit code 0. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run a store that Vineyard clients can connect to')
    .requiredOption('-s, --socket <path>', 'path of the Unix socket to listen on')
    .option('-m, --size <size>', 'size of the shared memory, e.g. 512Mi or 4Gi', '256Mi')
    .option('-r, --rpc <host:port>', 'listen for clients without shared memory too, e.g. 127.0.0.1:9600')
    .option('-u, --username <name>', 'require this user name')
    .option('-p, --password <password>', 'require this password (better: $VINEYARD_PASSWORD)')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ vineyard-streams serve --socket /tmp/vineyard.sock --size 1Gi\n' +
        '  $ VINEYARD_IPC_SOCKET=/tmp/vineyard.sock node consumer.js'
    )
    .action(serve)
}

async function serve(options: ServeOptions): Promise<void> {
  const { username, password = process.env['VINEYARD_PASSWORD'] } = options
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  const server = await StoreServer.start({
    socket: options.socket,
    size: options.size,
    ...(options.rpc === undefined ? {} : { rpc: parseEndpoint(options.rpc) }),
    ...(username === undefined ? {} : { username }),
    ...(username === undefined || password === undefined ? {} : { password })
  })
  const { socket, rpcEndpoint } = server
  console.error(`listening on ${socket}${rpcEndpoint === undefined ? '' : ` and ${rpcEndpoint}`}`)
  await stopped
  await server.close()
}
