import { Command } from 'commander'
import { StoreServer } from '../store/server.js'
import { readEndpoint, readPath, readPort, readSize } from './arguments.js'
import { credentialsOf, type Credentials } from './context.js'
import { onEndSignal } from './end-signals.js'
import { UsageError } from './exit.js'
import { write, type Host } from './host.js'

interface ServeOptions extends Credentials {
  socket?: string
  size: string
  rpc?: ReturnType<typeof readEndpoint>
  metrics?: ReturnType<typeof readEndpoint> | true
  ui?: number | true
}

/** `serve`: the store as a process of its own. SIGTERM, SIGINT and SIGHUP close streams, remove the socket, exit code 0. */
export function serveCommand(host: Host): Command {
  return new Command('serve')
    .description('run a store that Vineyard clients can connect to')
    .option(
      '-s, --socket <path>',
      'path of the Unix socket to listen on (default: $VINEYARD_IPC_SOCKET, or a fresh one, which is printed)',
      readPath
    )
    .option('-m, --size <size>', 'size of the shared memory, e.g. 512Mi or 4Gi', readSize, '256Mi')
    .option(
      '-r, --rpc <[host:]port>',
      'listen for clients without shared memory too, e.g. 9600; 127.0.0.1 unless given',
      readEndpoint
    )
    .option(
      '--metrics [[host:]port]',
      'metrics for Prometheus; 127.0.0.1 and any free port unless given',
      readEndpoint
    )
    .option(
      '--ui [port]',
      'a page that shows the store, for browsers on this machine; any free port unless given',
      readPort
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
    .action((options: ServeOptions) => serve(options, host))
}

async function serve(options: ServeOptions, host: Host): Promise<void> {
  const { size, rpc, metrics, ui } = options
  const credentials = credentialsOf(options, host)
  if (credentials === undefined && (host.env['VINEYARD_PASSWORD'] ?? '') !== '')
    throw new UsageError('$VINEYARD_PASSWORD is set, but there is no --username: anybody could connect')
  const socket = options.socket ?? (host.env['VINEYARD_IPC_SOCKET'] || undefined)
  const stopped = new Promise<void>(resolve => onEndSignal(host, resolve))
  const server = await StoreServer.start({
    size,
    ...(socket === undefined ? {} : { socket }),
    ...(rpc === undefined ? {} : { rpc }),
    ...(metrics === undefined ? {} : { metrics: metrics === true ? {} : metrics }),
    ...(ui === undefined ? {} : { ui: ui === true ? {} : { port: ui } }),
    ...credentials
  })
  try {
    // Where nobody has chosen the path, it is what the others have to be told.
    if (socket === undefined) await write(host.stdout, `${server.socket}\n`)
    const { rpcEndpoint, metricsUrl, uiUrl } = server
    const lines = [
      `listening on ${server.socket}${rpcEndpoint === undefined ? '' : ` and ${rpcEndpoint}`}`,
      ...(metricsUrl === undefined ? [] : [`metrics at ${metricsUrl}`]),
      ...(uiUrl === undefined ? [] : [`page at ${uiUrl}`])
    ]
    await write(host.stderr, `${lines.join('\n')}\n`)
    await stopped
  } finally {
    // Whoever asks again does not want to wait for readers.
    for (const signal of ['SIGTERM', 'SIGINT']) host.on(signal, () => void server.close({ drain: 0 }))
    await server.close()
  }
}
