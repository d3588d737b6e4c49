import { once } from 'node:events'
import { Command, InvalidArgumentError } from 'commander'
import { parseEndpoint } from '../rpc/endpoint.js'
import { StoreServer } from '../store/server.js'

interface ServeOptions {
  socket: string
  size: string
  rpc?: string
  metrics?: string | true
  ui?: string | true
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
    .option('--metrics [host:port]', 'metrics for Prometheus; 127.0.0.1 and any free port unless given')
    .option(
      '--ui [port]',
      'a page that shows the store, for browsers on this machine; any free port unless given'
    )
    .option('-u, --username <name>', 'require this user name')
    .option('-p, --password <password>', 'require this password (better: $VINEYARD_PASSWORD)')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  $ vineyard-streams serve --socket /tmp/vineyard.sock --size 1Gi\n' +
        '  $ vineyard-streams serve --socket /tmp/vineyard.sock --ui 8080 --metrics 127.0.0.1:9464\n' +
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
    ...(options.metrics === undefined ? {} : { metrics: endpointOf(options.metrics) }),
    ...(options.ui === undefined ? {} : { ui: options.ui === true ? {} : { port: portOf(options.ui) } }),
    ...(username === undefined ? {} : { username }),
    ...(username === undefined || password === undefined ? {} : { password })
  })
  const { socket, rpcEndpoint } = server
  console.error(`listening on ${socket}${rpcEndpoint === undefined ? '' : ` and ${rpcEndpoint}`}`)
  if (server.metricsUrl !== undefined) console.error(`metrics at ${server.metricsUrl}`)
  if (server.uiUrl !== undefined) console.error(`page at ${server.uiUrl}`)
  await stopped
  await server.close()
}

/** `host:port`, or a port alone. */
function endpointOf(text: string | true): { host?: string; port?: number } {
  if (text === true) return {}
  return /^\d+$/.test(text) ? { port: portOf(text) } : parseEndpoint(text)
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new InvalidArgumentError(`'${text}' is not a port`)
}
