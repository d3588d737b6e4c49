/**
 * Asks a store in a thread of this process for something small, one request after the other. Tells how often a thread went to
 * sleep for each, and how much processor time the process takes when nothing is asked any more.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { receiveJob, tell } from '../../support/child.js'

export interface AskerJob {
  /** VINEYARD_STREAMS_BUSY_POLL */
  microseconds: number
}

export interface AskerResult {
  sleepsPerRequest: number
  /** Milliseconds of processor time in a second of rest. */
  restingMs: number
}

const requests = 10_000
const { microseconds } = await receiveJob<AskerJob>()
process.env['VINEYARD_STREAMS_BUSY_POLL'] = String(microseconds)
const { connect, Store } = await import('vineyard-streams')

const store = await Store.start({ size: '8Mi' })
const client = await connect(store.socket)
const id = await client.put(1)
for (let i = 0; i < requests; i += 1) await client.exists(id)

const before = process.resourceUsage().voluntaryContextSwitches
for (let i = 0; i < requests; i += 1) await client.exists(id)
const sleeps = process.resourceUsage().voluntaryContextSwitches - before

// What was set free while asking is swept in other threads, and is not what this looks for.
await delay(500)
const used = process.cpuUsage()
await delay(1000)
const { user, system } = process.cpuUsage(used)
await tell({ sleepsPerRequest: sleeps / requests, restingMs: (user + system) / 1000 } satisfies AskerResult)
await client.close()
await store.close()
process.disconnect()
