import { throwIfAborted } from '../abort.js'
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
    throw watch.loss ?? error
  } finally {
    watch.close()
  }
}
