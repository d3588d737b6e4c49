import { drivers, type Driver } from '../drivers/drivers.js'
import type { StreamJob } from '../runner/stream-job.js'
import { chunksOf } from '../data/batches.js'
import { receiveJob, tell } from './job.js'
import { measureStream } from './measure-stream.js'

const { role, driver, address, work } = await receiveJob<StreamJob>()
const ends: Driver = drivers[driver]
if (role === 'producer') {
  await ends.send(address, chunksOf(work), work)
} else {
  const chunks = ends.receive(address, () => tell('listening'), work)
  tell(await measureStream(chunks, work))
}
