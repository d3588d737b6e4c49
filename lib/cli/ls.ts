import { Command } from 'commander'
import type { Client } from '../client/client.js'
import { storeSnapshot } from '../client/requests.js'
import type { Metadata } from '../objects/model.js'
import { nameOf } from '../streams/stream.js'
import { withClient, withServer, type ServerOptions } from './context.js'
import { bytesText, styled, tableText, typeText } from './text.js'

/** One object or stream; what the server does not tell is missing. */
interface Row {
  kind: 'object' | 'stream'
  id: string
  name?: string
  type: string
  bytes: number
  state?: string
  /** Chunks that nobody has pulled. */
  waiting?: number
  /** Processes that hold it: that look at an object's memory, or at the ends of a stream. */
  holders?: string[]
}

/** `ls`: objects and streams. */
export function lsCommand(): Command {
  return withServer(new Command('ls'))
    .description('list objects and streams: type, size, chunks waiting, who holds them')
    .option('--streams', 'streams only')
    .option('--json', 'as JSON, one object a line')
    .addHelpText(
      'after',
      '\nA vineyardd tells neither how many chunks wait in a stream nor who holds what.\n\nExamples:\n' +
        '  $ vineyard-streams ls --server /tmp/vineyard.sock\n' +
        "  $ vineyard-streams ls --streams --json | jq 'select(.waiting > 0) | .name'"
    )
    .action((options: ServerOptions & { json?: true; streams?: true }) =>
      withClient(options, async client => {
        const all = client.core.connection.extended ? await listStore(client) : await listOther(client)
        const rows = options.streams ? all.filter(({ kind }) => kind === 'stream') : all
        if (options.json) {
          for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`)
          return
        }
        process.stdout.write(
          tableText(
            ['ID', 'NAME', 'TYPE', '>SIZE', 'STATE', '>WAITING', 'HELD BY'],
            rows.map(row => [
              row.id,
              row.name ?? '',
              typeText(row.type),
              bytesText(row.bytes),
              row.state ?? '',
              row.waiting === undefined ? '' : String(row.waiting),
              (row.holders ?? []).join(' ')
            ]),
            text => styled(process.stdout, 'bold', text)
          )
        )
      })
    )
}

async function listStore(client: Client): Promise<Row[]> {
  const { streams, objects = [], connections } = await storeSnapshot(client.core.connection, true)
  const pids = new Map(
    connections.map(({ number, pid }) => [number, pid === undefined ? 'tcp' : String(pid)])
  )
  const ends = (numbers: readonly number[], end: string): string[] =>
    [...new Set(numbers.map(number => pids.get(number) ?? '?'))].map(pid => `${pid}:${end}`)
  return [
    ...streams.map((stream): Row => ({
      kind: 'stream',
      id: stream.id,
      ...(stream.name === undefined ? {} : { name: stream.name }),
      type: stream.typename,
      bytes: stream.waitingBytes,
      state: stream.state,
      waiting: stream.waiting,
      holders: [...ends(stream.writers, 'writer'), ...ends(stream.readers, 'reader')]
    })),
    ...objects.map((object): Row => ({
      kind: isStream(object.typename) ? 'stream' : 'object',
      id: object.id,
      ...(object.name === undefined ? {} : { name: object.name }),
      type: object.typename,
      bytes: object.bytes,
      // A stream that is not among those of the store has come to its end.
      state: isStream(object.typename) ? 'ended' : object.persistent ? 'persistent' : 'transient',
      holders: object.holders.map(String)
    }))
  ]
}

function isStream(typename: string): boolean {
  return /^vineyard::\w+Stream\b/.test(typename)
}

async function listOther(client: Client): Promise<Row[]> {
  const metas = await client.list()
  return metas.map((meta: Metadata): Row => {
    const name = nameOf(meta)
    return {
      kind: isStream(meta.typename) ? 'stream' : 'object',
      id: meta.id,
      ...(name === undefined ? {} : { name }),
      type: meta.typename,
      bytes: Number(meta['nbytes'] ?? 0),
      state: meta['transient'] === false ? 'persistent' : 'transient'
    }
  })
}
