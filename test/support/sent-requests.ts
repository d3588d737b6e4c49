import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** Resolves when this process has sent so many more requests of a type. */
export function sentRequests(type: string, count: number): Promise<void> {
  const started = 'tracing:vineyard-streams:request:start'
  return new Promise(resolve => {
    let left = count
    const onRequest = (message: unknown): void => {
      if ((message as { type: string }).type !== type || (left -= 1) > 0) return
      unsubscribe(started, onRequest)
      resolve()
    }
    subscribe(started, onRequest)
  })
}
