import { endlessly, makeChunks } from '../data/batches.js'
import { drivers } from '../drivers/drivers.js'
import type { Driver } from '../model.js'
import type { StreamJob } from '../runner/stream-job.js'
import { receiveJob, tell } from './job.js'
import { measureStreams } from './measure-streams.js'

const { role, driver, addresses, work } = await receiveJob<StreamJob>()
const { ends } = drivers[driver] as Required<Driver>
const { send } = ends
if (role === 'producer' && send) {
  const chunks = makeChunks(work)
  await Promise.all(addresses.map(address => send(address, endlessly(chunks), work)))
} else {
  const streams = addresses.map(address => ends.receive(address, () => tell('listening'), work))
  tell(await measureStreams(streams, work))
}
