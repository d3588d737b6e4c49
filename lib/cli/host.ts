import type { Writable } from 'node:stream'

/** What a command runs in: the process, or what stands for it in a test. */
export type Host = Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr' | 'env' | 'on' | 'once' | 'off'>

/** Resolves when the data is out, and so waits where whoever reads our output is slower. Rejects with the system's error. */
export function write(target: Writable, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    target.write(data, error => {
      if (error === null || error === undefined) resolve()
      else reject(error)
    })
  })
}
