import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Longer than any thread takes to stand, ms. No watchdog of a test interrupts what does not await. */
const longest = 10_000

/**
 * Stops a process: it is there and answers nothing. Its threads go on until each has seen the signal, and may answer what is asked
 * meanwhile (30 of 100 questions to etcd on a busy machine); all of them stand when this returns. Synchronous, so that a process
 * can be stopped between two steps of this one.
 */
export function silence({ process: server }: { readonly process: ChildProcess }): void {
  server.kill('SIGSTOP')
  const tasks = `/proc/${server.pid}/task`
  const stands = (task: string): boolean =>
    /^State:\tT/m.test(readFileSync(`${tasks}/${task}/status`, 'utf8'))
  const start = performance.now()
  while (!readdirSync(tasks).every(stands))
    if (performance.now() - start > longest) throw new Error(`process ${server.pid} does not stand still`)
}
