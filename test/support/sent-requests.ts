import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** Resolves when this process sends the `count`th request of a type from now on; `then` is called at that moment. */
export function sentRequests(type: string, count = 1, then: () => void = () => {}): Promise<void> {
  const started = 'tracing:vineyard-streams:request:start'
  return new Promise(resolve => {
    let left = count
    const onRequest = (message: unknown): void => {
      if ((message as { type: string }).type !== type || (left -= 1) > 0) return
      unsubscribe(started, onRequest)
      then()
      resolve()
    }
    subscribe(started, onRequest)
  })
}
