import { throwIfAborted } from '../abort.js'
import { Status, VineyardError } from '../errors.js'
import type { ObjectId } from '../protocol/ids.js'
import type { ClientCore } from './client-core.js'
import { InstanceWatch } from './instance-watch.js'
import { migrate } from './requests/metadata.js'

/** Has the client's instance fetch an object from the one it is on. */
export async function migrateFrom(
  core: ClientCore,
  instance: number | bigint,
  id: ObjectId,
  signal: AbortSignal | undefined
): Promise<ObjectId> {
  const watch = new InstanceWatch(core, instance)
  const ending = signal === undefined ? watch.signal : AbortSignal.any([signal, watch.signal])
  try {
    return await core.alone(connection => migrate(connection, id, { waits: true }), ending)
  } catch (error) {
    throwIfAborted(signal)
    throw watch.loss ?? asLoss(error as VineyardError, instance)
  } finally {
    watch.close()
  }
}

/** Sometimes the vineyardd that fetches notices the loss, and before the watch does. */
function asLoss(cause: VineyardError, instance: number | bigint): VineyardError {
  const { status } = cause
  if (status !== Status.IOError) return cause
  const message = `instance ${instance} was lost meanwhile: ${cause.message}`
  return new VineyardError('ERR_VINEYARD_CONNECTION_LOST', message, { status, cause })
}
