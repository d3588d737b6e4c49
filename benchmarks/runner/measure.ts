import { chunkBytes, distinctChunks } from '../data/batches.js'
import { drivers, type DriverName } from '../drivers/drivers.js'
import type { Driver, Metrics, Work } from '../model.js'
import type { Child } from './child.js'
import { residentMemory } from './resident.js'
import { startNode, startPython } from './start.js'
import type { StreamJob } from './stream-job.js'
import { within } from './within.js'

/** One measurement in fresh processes: a server if the driver has one, a consumer and a producer. */
export async function measureDriver(driver: DriverName, work: Work): Promise<Metrics> {
  const { place: makePlace, ends }: Driver = drivers[driver]
  const place = await makePlace(work)
  const started: Child[] = []
  const start = (role: StreamJob['role']): Child => {
    const job: StreamJob = { role, driver, addresses: place.addresses, work }
    const name = `${driver}-${role}`
    const end = ends ? startNode('stream-end', name, job) : startPython('stream_end', name, inPython(job))
    started.push(end)
    return end
  }
  const measuring = async (): Promise<Metrics> => {
    const consumer = start('consumer')
    if (ends && !ends.send) return consumer.next()
    // Once for each stream.
    for (const _ of place.addresses) await consumer.next()
    const producer = start('producer')
    // A producer tells nothing: it can only end, which is its failure.
    const found = await Promise.race([consumer.next<Metrics>(), producer.next<never>()])
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

/** Python cannot ask data/batches.ts. */
function inPython(job: StreamJob): unknown {
  const { work } = job
  return { ...job, work: { ...work, bytes: chunkBytes(work) }, distinct: distinctChunks(work) }
}
