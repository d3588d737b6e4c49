import { isMainThread, type MessagePort } from 'node:worker_threads'
import type { Place } from '../memory/lease.js'
import { native } from '../native.js'

/** What has been shared and may not have been received, by the port that goes with it. */
const onTheirWay = new Map<MessagePort, { hold: number; places: readonly Place[] }>()
let watching = false

/**
 * Sees to it that a chunk can be received after this thread has come to its end: whoever gets its message need not be
 * quicker. A thread that is terminated runs nothing at its end. Until the returned function is called.
 */
export function leaveAtEnd(port: MessagePort, hold: number, places: readonly Place[]): () => void {
  // The end of the main thread is that of the process.
  if (isMainThread) return () => {}
  if (!watching) process.once('exit', leave)
  watching = true
  onTheirWay.set(port, { hold, places })
  return () => onTheirWay.delete(port)
}

function leave(): void {
  const holds: number[] = []
  const files = new Set<number>()
  for (const [port, { hold, places }] of onTheirWay) {
    if (!isSent(port)) continue
    holds.push(hold)
    for (const { region } of places) {
      // Its descriptor is not this thread's any more.
      files.add(region.retain().file.fd)
    }
  }
  native.leaveHolds(holds, [...files])
}

/** Nothing else tells. Takes the port away if it was not sent: this thread ends. */
function isSent(port: MessagePort): boolean {
  try {
    structuredClone(undefined, { transfer: [port] })
    return false
  } catch {
    return true
  }
}
