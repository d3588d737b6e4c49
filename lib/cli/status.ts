import { Command } from 'commander'
import { withClient, withServer, type ServerOptions } from './context.js'
import { write, type Host } from './host.js'
import { bytesText, serverText, tableText } from './text.js'

/** `status`: what a server says of itself. */
export function statusCommand(host: Host): Command {
  return withServer(new Command('status'))
    .description('show what a server says of itself')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ vineyard-streams status --server /tmp/vineyard.sock\n  $ vineyard-streams status --json | jq .memoryUsage'
    )
    .action((options: ServerOptions & { json?: true }) =>
      withClient(host, options, async client => {
        const status = await client.status()
        const { connection } = client.core
        const { version, extension } = connection.info
        if (options.json) {
          const all = { address: client.address, version, extension, ...status }
          const text = JSON.stringify(all, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) // prettier-ignore
          await write(host.stdout, `${text}\n`)
          return
        }
        const percent = ((status.memoryUsage / status.memoryLimit) * 100).toFixed(1)
        await write(
          host.stdout,
          tableText(
            ['address', client.address],
            [
              ['server', `${serverText(client)}, protocol ${version}`],
              ['instance', String(status.instanceId)],
              [
                'memory',
                `${bytesText(status.memoryUsage)} of ${bytesText(status.memoryLimit)} (${percent} %)`
              ],
              ['connections', `${status.ipcConnections} by socket, ${status.rpcConnections} by TCP`],
              ['waiting requests', String(status.deferredRequests)]
            ]
          )
        )
      })
    )
}
