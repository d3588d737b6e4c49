import { Command } from 'commander'
import type { Client } from '../client/client.js'
import { storeSnapshot } from '../client/requests/status.js'
import type { Metadata } from '../objects/model.js'
import type { ObjectSnapshot } from '../protocol/snapshot.js'
import { ParallelStream } from '../streams/parallel-stream.js'
import { StreamCollection } from '../streams/stream-collection.js'
import { nameOf } from '../objects/name.js'
import { withClient, withServer, type ServerOptions } from './context.js'
import { write, type Host } from './host.js'
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
export function lsCommand(host: Host): Command {
  return withServer(new Command('ls'))
    .description('list objects and streams: type, size, chunks waiting, who holds them')
    .option('--streams', 'streams only')
    .option('--json', 'as JSON, one object a line')
    .addHelpText(
      'after',
      '\nSTATE of a stream: open; finished, all is written and some of it waits; ended, read to its end (its object and its\n' +
        'name stay until they are dropped); failed; group, of streams that are listed themselves.\n' +
        'Over TCP, and of a vineyardd, it is not known how many chunks wait in a stream nor who holds what.\n\nExamples:\n' +
        '  $ vineyard-streams ls --server /tmp/vineyard.sock\n' +
        "  $ vineyard-streams ls --streams --json | jq 'select(.waiting > 0) | .name'"
    )
    .action((options: ServerOptions & { json?: true; streams?: true }) =>
      withClient(host, options, async client => {
        const all = client.core.connection.extended ? await listStore(client) : await listOther(client)
        const rows = options.streams ? all.filter(({ kind }) => kind === 'stream') : all
        if (options.json) {
          await write(host.stdout, rows.map(row => `${JSON.stringify(row)}\n`).join(''))
          return
        }
        await write(
          host.stdout,
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
            text => styled(host.stdout, 'bold', text)
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
      state: stateOf(object),
      holders: object.holders.map(String)
    }))
  ]
}

/** A stream that is not among those of the store has come to its end; what a group does is seen at its members. */
function stateOf({ typename, persistent }: ObjectSnapshot): string {
  if (isGroup(typename)) return 'group'
  if (isStream(typename)) return 'ended'
  return persistent ? 'persistent' : 'transient'
}

function isStream(typename: string): boolean {
  return isGroup(typename) || /^vineyard::\w+Stream\b/.test(typename)
}

function isGroup(typename: string): boolean {
  return [ParallelStream, StreamCollection].some(type => typename.startsWith(type.typename))
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
      state: isGroup(meta.typename) ? 'group' : meta['transient'] === false ? 'persistent' : 'transient'
    }
  })
}
