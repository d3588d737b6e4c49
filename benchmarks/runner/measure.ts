import { chunkBytes, distinctChunks } from '../data/batches.js'
import { drivers, type DriverName } from '../drivers/drivers.js'
import type { Driver, Metrics, Work } from '../model.js'
import type { Child } from './child.js'
import { residentMemory } from './resident.js'
import { startNode, startPython } from './start.js'
import type { StreamJob } from './stream-job.js'
import { within } from './within.js'

/** One measurement in fresh processes: a server if the driver has one, a consumer and a producer, or several of each. */
export async function measureDriver(driver: DriverName, work: Work): Promise<Metrics> {
  const { place: makePlace, ends, ownProcesses }: Driver = drivers[driver]
  const place = await makePlace(work)
  const started: Child[] = []
  const start = (role: StreamJob['role'], addresses: readonly unknown[]): Child => {
    const job: StreamJob = { role, driver, addresses, work }
    const name = `${driver}-${role}`
    const end = ends ? startNode('stream-end', name, job) : startPython('stream_end', name, inPython(job))
    started.push(end)
    return end
  }
  const measuringOne = async (addresses: readonly unknown[]): Promise<Metrics> => {
    const consumer = start('consumer', addresses)
    if (ends && !ends.send) return consumer.next()
    // Once for each stream.
    for (const _ of addresses) await consumer.next()
    const producer = start('producer', addresses)
    // A producer tells nothing: it can only end, which is its failure.
    return Promise.race([consumer.next<Metrics>(), producer.next<never>()])
  }
  const measuring = async (): Promise<Metrics> => {
    const groups = ownProcesses ? place.addresses.map(address => [address]) : [place.addresses]
    const found = together(await Promise.all(groups.map(measuringOne)))
    // Of several pairs the first has ended.
    if (ownProcesses || (ends && !ends.send)) return found
    const pids = started.map(({ process }) => process.pid!)
    return { ...found, ...residentMemory(place.pid === undefined ? pids : [...pids, place.pid]) }
  }
  try {
    return await within(work, measuring(), driver)
  } finally {
    await Promise.all(started.map(end => end.end()))
    await place.close()
  }
}

/** What several pairs of processes found at the same time. */
function together(all: readonly Metrics[]): Metrics {
  const sum: Metrics = {}
  for (const one of all) {
    for (const [name, value] of Object.entries(one)) sum[name] = (sum[name] ?? 0) + value
  }
  return sum
}

/** Python cannot ask data/batches.ts. */
function inPython(job: StreamJob): unknown {
  const { work } = job
  return { ...job, work: { ...work, bytes: chunkBytes(work) }, distinct: distinctChunks(work) }
}
