import { tracingChannel } from 'node:diagnostics_channel'

/** Runs `work`, and tells how long the requests took that were made meanwhile in this process: milliseconds by type. */
export async function requestTimes(work: () => Promise<void>): Promise<Map<string, number[]>> {
  const tracing = tracingChannel<unknown, { type: string }>('vineyard-streams:request')
  const started = new WeakMap<object, number>()
  const times = new Map<string, number[]>()
  const nothing = (): void => {}
  const subscribers = {
    start: (message: object) => void started.set(message, performance.now()),
    end: nothing,
    asyncStart: (message: { type: string }) => {
      const took = performance.now() - (started.get(message) ?? NaN)
      const all = times.get(message.type) ?? []
      times.set(message.type, [...all, took])
    },
    asyncEnd: nothing,
    error: nothing
  }
  tracing.subscribe(subscribers)
  try {
    await work()
    return times
  } finally {
    tracing.unsubscribe(subscribers)
  }
}
