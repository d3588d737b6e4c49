import type { Client, Store } from 'vineyard-streams'

/** What must be as it was once everything has ended. */
export interface Holdings {
  memoryUsage: number
  leasedBytes: number
  keptBytes: number
  blobs: number
  objects: number
  names: number
  streams: number
  ipcConnections: number
  memoryRequests: number
  deferredRequests: number
}

export async function holdingsOf(store: Store): Promise<Holdings> {
  const { memoryUsage, leasedBytes, keptBytes, blobs, objects, names, streams, ...rest } =
    await store.status()
  const { ipcConnections, memoryRequests, deferredRequests } = rest
  return {
    memoryUsage,
    leasedBytes,
    keptBytes,
    blobs,
    objects,
    names,
    streams,
    ipcConnections,
    memoryRequests,
    deferredRequests
  }
}

/**
 * Waits until the store is back where it was. Nothing tells when a store has noticed the end of a process, so it is asked;
 * the watchdog is the test's.
 */
export async function settled(store: Store, before: Holdings): Promise<void> {
  const wanted = JSON.stringify(before)
  for (;;) {
    const now = JSON.stringify(await holdingsOf(store))
    if (now === wanted) return
    pending = `the store holds ${now}, before it was ${wanted}`
  }
}

/** Waits until a condition holds that no event tells of. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  while (!(await condition())) {
    pending = what
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** Bytes in use on a server of either kind come back to `bytes`. */
export async function memoryReturns(client: Client, bytes: number): Promise<void> {
  for (;;) {
    const { memoryUsage } = await client.status()
    if (memoryUsage <= bytes) return
    pending = `${memoryUsage} bytes are in use, before it was ${bytes}`
  }
}

let pending = 'none'

/** What the last wait was for; shown when a test runs into its watchdog. */
export function lastWait(): string {
  return pending
}
