import type { ChildProcess } from 'node:child_process'
import { on } from 'node:events'
import type { Readable } from 'node:stream'

/**
 * Resolves when a daemon can be used: each time it logs something, `works` is asked, which gets the whole log. What it
 * logs after that is thrown away.
 */
export async function upAndRunning(
  daemon: ChildProcess,
  works: (log: string) => boolean | Promise<boolean>
): Promise<void> {
  const stderr = (daemon.stderr as Readable).setEncoding('utf8')
  // Whatever comes of it, a pipe that nobody reads would be full some day, and the daemon wait for it.
  stderr.on('data', () => {})
  let log = ''
  for await (const [text] of on(stderr, 'data', { close: ['end'] }) as AsyncIterable<[string]>) {
    log += text
    if (await works(log)) return
  }
  throw new Error(`${daemon.spawnargs.join(' ')} did not start:\n${log}`)
}
