import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'

/**
 * Resolves when a daemon can be used: each time it logs something, `works` is asked, which gets the whole log. What it
 * logs after that is thrown away.
 */
export async function upAndRunning(
  daemon: ChildProcess,
  works: (log: string) => boolean | Promise<boolean>
): Promise<void> {
  const stderr = daemon.stderr as Readable
  let log = ''
  // Leaving the loop must not close the pipe that the daemon logs to.
  for await (const text of stderr.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    log += String(text)
    if (!(await works(log))) continue
    stderr.resume()
    return
  }
  throw new Error(`${daemon.spawnargs.join(' ')} did not start:\n${log}`)
}
