import { Command } from 'commander'
import { dropNameOf } from '../client/requests/names.js'
import { nameOf } from '../objects/name.js'
import { streamFromMetadata } from '../streams/stream-types.js'
import { withClient, withServer, type ServerOptions } from './context.js'
import { findObject } from './find.js'
import type { Host } from './host.js'

/** `drop`: removes streams and objects. */
export function dropCommand(host: Host): Command {
  return withServer(new Command('drop'))
    .description('remove streams and objects, with their names; a stream fails for whoever uses it')
    .argument('<id or name...>', 'what to remove')
    .option('-f, --force', 'objects too that others use')
    .addHelpText('after', '\nExamples:\n  $ vineyard-streams drop prices o00002e8d1f7a4c10')
    .action((names: string[], options: ServerOptions & { force?: true }) =>
      withClient(host, options, async client => {
        for (const idOrName of names) {
          const id = await findObject(client, idOrName)
          const meta = await client.getMeta(id)
          const stream = await streamFromMetadata(client, meta)
          if (stream !== undefined) {
            await stream.drop()
            continue
          }
          await client.delete(id, { force: options.force ?? false })
          const name = nameOf(meta)
          if (name !== undefined) await client.core.inquire(connection => dropNameOf(connection, name, id))
        }
      })
    )
}
