import { setTimeout as delay } from 'node:timers/promises'
import { Command, InvalidArgumentError } from 'commander'
import type { Client } from '../client/client.js'
import { storeSnapshot } from '../client/requests/status.js'
import type { StoreSnapshot } from '../protocol/snapshot.js'
import { withClient, withServer, type ServerOptions } from './context.js'
import { Interrupted } from './exit.js'
import { write, type Host } from './host.js'
import { bytesText, serverText, styled, tableText, typeText } from './text.js'

/** The terminal's other screen, without cursor; and back. */
const enter = '\u001b[?1049h\u001b[?25l'
const leave = '\u001b[?25h\u001b[?1049l'
const home = '\u001b[H'
const eraseLine = '\u001b[K'
const eraseBelow = '\u001b[J'

interface TopOptions extends ServerOptions {
  interval: number
}

/** `top`: streams, rates, memory and leases, live. */
export function topCommand(host: Host): Command {
  return withServer(new Command('top'))
    .description('show streams, rates, memory and leases, live; once where the output is no terminal')
    .option('-i, --interval <seconds>', 'between two looks', readInterval, 1)
    .addHelpText(
      'after',
      '\nq or Ctrl-C ends it. Over TCP, and of a vineyardd, memory and connections are all that is known.\n\nExamples:\n' +
        '  $ vineyard-streams top --server /tmp/vineyard.sock\n  $ vineyard-streams top --interval 0.2'
    )
    .action(async (options: TopOptions) => {
      const work = async (client: Client, interrupted: AbortSignal): Promise<void> => {
        const look = client.core.connection.extended ? storeView(client, host) : otherView(client, host)
        if (host.stdout.isTTY) await live(host, look, options.interval * 1000, interrupted)
        else await write(host.stdout, await look())
      }
      await withClient(host, options, work).catch((error: unknown) => {
        // Ctrl-C is how one leaves it.
        if (!(error instanceof Interrupted)) throw error
      })
    })
}

async function live(
  { stdin, stdout }: Host,
  look: () => Promise<string>,
  ms: number,
  interrupted: AbortSignal
): Promise<void> {
  const left = new AbortController()
  const signal = AbortSignal.any([interrupted, left.signal])
  const onKey = (key: Buffer): void => {
    if (['q', 'Q', '\u0003', '\u001b'].includes(key.toString())) left.abort()
  }
  if (stdin.isTTY) stdin.setRawMode(true).on('data', onKey)
  await write(stdout, enter)
  try {
    while (!signal.aborted) {
      const lines = (await look()).trimEnd().split('\n')
      const shown = lines.slice(0, stdout.rows - 1).map(line => fit(stdout, line) + eraseLine)
      await write(stdout, `${home}${shown.join('\n')}\n${eraseBelow}`)
      await delay(ms, undefined, { signal }).catch(() => {})
    }
  } finally {
    await write(stdout, leave).catch(() => {})
    if (stdin.isTTY) stdin.off('data', onKey).setRawMode(false).pause()
  }
}

/** Lines longer than the screen would wrap. Styled ones are headings, and are cut by their text alone. */
function fit(stdout: Host['stdout'], line: string): string {
  const { columns } = stdout
  // eslint-disable-next-line no-control-regex
  const plain = line.replaceAll(/\u001b\[\d+m/g, '')
  if (plain.length <= columns) return line
  return line === plain ? plain.slice(0, columns) : styled(stdout, 'bold', plain.slice(0, columns))
}

/** Rates are those between two looks. */
function storeView(client: Client, { stdout }: Host): () => Promise<string> {
  const bold = (text: string): string => styled(stdout, 'bold', text)
  let before: StoreSnapshot | undefined
  return async () => {
    const now = await storeSnapshot(client.core.connection, false)
    const seconds = before === undefined ? 0 : (now.time - before.time) / 1000
    const rate = (value: number, old: number | undefined): number =>
      old === undefined || seconds <= 0 ? 0 : (value - old) / seconds
    const old = new Map(before?.streams.map(stream => [stream.id, stream]))
    const pids = new Map(
      now.connections.map(({ number, pid }) => [number, pid === undefined ? 'tcp' : String(pid)])
    )
    const ends = (numbers: readonly number[]): string =>
      numbers.map(number => pids.get(number) ?? '?').join(' ')
    const { memory, counts, waiting, totals } = now
    const head =
      `${bold('vineyard-streams')}  ${client.address}  ${new Date(now.time).toTimeString().slice(0, 8)}\n` +
      `memory   ${bar(memory.used / memory.limit)} ${bytesText(memory.used)} of ${bytesText(memory.limit)}, ` +
      `${bytesText(memory.leased)} leased, ${bytesText(memory.kept)} kept\n` +
      `streams  ${counts.streams}, in ${bytesText(rate(totals.bytesWritten, before?.totals.bytesWritten))}/s, ` +
      `out ${bytesText(rate(totals.bytesRead, before?.totals.bytesRead))}/s   objects ${counts.objects}   ` +
      `connections ${now.connections.length}   waiting ${waiting.chunks} for chunks, ${waiting.memory} for memory\n\n`
    const streams = tableText(
      [
        'STREAM',
        'TYPE',
        'STATE',
        '>WAITING',
        '>SIZE',
        '>HELD',
        '>READ',
        '>CHUNKS/S',
        '>BYTES/S',
        'WRITERS',
        'READERS'
      ],
      now.streams.map(stream => {
        const last = old.get(stream.id)
        return [
          stream.name ?? stream.id,
          typeText(stream.typename),
          stream.blocked === undefined ? stream.state : `${stream.blocked} waits`,
          String(stream.waiting),
          bytesText(stream.waitingBytes),
          String(stream.held),
          String(stream.chunksRead),
          rate(stream.chunksRead, last?.chunksRead).toFixed(0),
          bytesText(rate(stream.bytesRead, last?.bytesRead)),
          ends(stream.writers),
          ends(stream.readers)
        ]
      }),
      bold
    )
    const leases = tableText(
      ['>PID', 'CLIENT', '>LEASES', '>LEASED', '>KEPT'],
      now.connections
        .filter(({ leases, keptBytes }) => leases > 0 || keptBytes > 0)
        .map(one => [
          one.pid === undefined ? 'tcp' : String(one.pid),
          one.extended ? 'vineyard-streams' : 'standard',
          String(one.leases),
          bytesText(one.leasedBytes),
          bytesText(one.keptBytes)
        ]),
      bold
    )
    before = now
    return `${head}${streams}\n${leases}`
  }
}

function otherView(client: Client, { stdout }: Host): () => Promise<string> {
  return async () => {
    const status = await client.status()
    const { memoryUsage: used, memoryLimit: limit } = status
    return (
      `${styled(stdout, 'bold', serverText(client))}  ${client.address}  ${new Date().toTimeString().slice(0, 8)}\n` +
      `memory   ${bar(used / limit)} ${bytesText(used)} of ${bytesText(limit)}\n` +
      `connections ${status.ipcConnections} by socket, ${status.rpcConnections} by TCP   ` +
      `waiting requests ${status.deferredRequests}\n\n` +
      'The standard protocol does not tell what streams are doing.\n'
    )
  }
}

function bar(share: number): string {
  const width = 20
  const full = Math.min(width, Math.round(share * width))
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`
}

function readInterval(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds >= 0.05 && seconds <= 3600) return seconds
  throw new InvalidArgumentError('It must be a number of seconds from 0.05.')
}
