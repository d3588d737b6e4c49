/**
 * Asks a store in a thread of this process for something small, one request after the other. Tells how rarely its threads went
 * to sleep, and how busy its event loop is when nothing is asked any more.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { receiveJob, tell } from '../../support/child.js'

export interface AskerJob {
  /** VINEYARD_STREAMS_BUSY_POLL */
  microseconds: number
  /** It asks until its threads sleep more rarely than that for each request, or seconds have passed. */
  sleepsWanted: number
  seconds: number
}

export interface AskerResult {
  /** For each request, of some in a row: the fewest that were seen. */
  sleeps: number
  /** The part of the time right after the last reply in which the event loop did not wait. */
  busyAfterwards: number
}

/** Few, so that some are asked while nobody else wants a processor: who polls makes way for others. */
const requests = 20
const afterwardsMs = 60
const { microseconds, sleepsWanted, seconds } = await receiveJob<AskerJob>()
process.env['VINEYARD_STREAMS_BUSY_POLL'] = String(microseconds)
const { connect, Store } = await import('vineyard-streams')

const store = await Store.start({ size: '8Mi' })
const client = await connect(store.socket)
const id = await client.put(1)

let sleeps = Infinity
const until = performance.now() + seconds * 1000
while (sleeps > sleepsWanted && performance.now() < until) {
  const before = process.resourceUsage().voluntaryContextSwitches
  for (let i = 0; i < requests; i += 1) await client.exists(id)
  sleeps = Math.min(sleeps, (process.resourceUsage().voluntaryContextSwitches - before) / requests)
}
const start = performance.eventLoopUtilization()
await delay(afterwardsMs)
const { utilization } = performance.eventLoopUtilization(start)
await tell({ sleeps, busyAfterwards: utilization } satisfies AskerResult)
await client.close()
await store.close()
process.disconnect()
