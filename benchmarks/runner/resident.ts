import { readFileSync } from 'node:fs'
import type { Metrics } from '../model.js'

/** What processes hold at this moment: memory of their own together, and the most shared memory that one has mapped. */
export function residentMemory(pids: readonly number[]): Metrics {
  let ownMemory = 0
  let sharedMemory = 0
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    ownMemory += bytesOf(status, 'RssAnon')
    sharedMemory = Math.max(sharedMemory, bytesOf(status, 'RssShmem'))
  }
  return { ownMemory, sharedMemory }
}

function bytesOf(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? NaN) * 1024
}
