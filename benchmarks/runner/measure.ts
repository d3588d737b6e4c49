import { drivers, type DriverName } from '../drivers/drivers.js'
import type { Metrics, Work } from '../model.js'
import { NodeProcess } from './node-process.js'
import type { StreamJob } from './stream-job.js'

/** Longest time that a measurement may take beyond what it is meant to, in ms. */
const patience = 30_000

/** One measurement in fresh processes: a server if the driver has one, a consumer and a producer. */
export async function measureDriver(driver: DriverName, work: Work): Promise<Metrics> {
  const place = await drivers[driver].place(work)
  const started: NodeProcess[] = []
  const start = (role: StreamJob['role']): NodeProcess => {
    const job: StreamJob = { role, driver, address: place.address, work }
    const end = new NodeProcess('stream-end', `${driver}-${role}`, job)
    started.push(end)
    return end
  }
  const measuring = async (): Promise<Metrics> => {
    const consumer = start('consumer')
    await consumer.next()
    const producer = start('producer')
    // A producer tells nothing: it can only end, which is its failure.
    return Promise.race([consumer.next<Metrics>(), producer.next<never>()])
  }
  try {
    return await within(work.warmUp + work.measure + patience, measuring(), driver)
  } finally {
    await Promise.all(started.map(end => end.end()))
    await place.close()
  }
}

async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing was measured within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
