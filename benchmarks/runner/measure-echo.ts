import { echoes, type EchoDriver, type EchoName } from '../drivers/echoes.js'
import type { Metrics } from '../model.js'
import type { Pace } from '../trial.js'
import type { Child } from './child.js'
import { startNode } from './start.js'
import { within } from './within.js'

/** What one of the two processes of an echo has to do. */
export interface EchoJob extends Pace {
  role: 'ask' | 'answer'
  driver: EchoName
  address: unknown
  /** Bytes of a message, where its size can be chosen. */
  bytes: number
}

/** Median and 99th percentile of the time there and back, in µs, in fresh processes. */
export async function measureEcho(driver: EchoName, bytes: number, pace: Pace): Promise<Metrics> {
  const { place: makePlace, answer }: EchoDriver = echoes[driver]
  const place = await makePlace()
  const started: Child[] = []
  const start = (role: EchoJob['role']): Child => {
    const job: EchoJob = { role, driver, address: place.addresses[0], bytes, ...pace }
    const child = startNode('echo-end', `${driver}-${role}`, job)
    started.push(child)
    return child
  }
  const measuring = async (): Promise<Metrics> => {
    if (answer) await start('answer').next()
    return start('ask').next<Metrics>()
  }
  try {
    return await within(pace, measuring(), driver)
  } finally {
    await Promise.all(started.map(child => child.end()))
    await place.close()
  }
}
