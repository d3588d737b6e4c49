import type { ChildProcess } from 'node:child_process'
import { on } from 'node:events'

/** Resolves when `isUp` says so, which is asked with the whole log each time a server writes to it. */
export async function comesUp(child: ChildProcess, isUp: (log: string) => boolean): Promise<void> {
  const stderr = child.stderr!.setEncoding('utf8')
  // A pipe that nobody reads would be full some day, and the server wait for it.
  stderr.on('data', () => {})
  let log = ''
  for await (const [text] of on(stderr, 'data', { close: ['end'] }) as AsyncIterable<[string]>) {
    log += text
    if (isUp(log)) return
  }
  throw new Error(`${child.spawnfile} did not start:\n${log}`)
}
