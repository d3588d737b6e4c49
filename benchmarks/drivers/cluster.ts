import { connect, ParallelStream, type RecordBatchStream } from 'vineyard-streams'
import type { Place } from '../model.js'
import { startCluster } from '../runner/cluster.js'
import type { StreamAddress } from './store.js'

/**
 * A partition on each of `instances` vineyardd. Each is written on its own instance, and read there as well or, where
 * `readers` are on the others, on the next one, which has it over TCP.
 */
export function partitions(
  instances: number,
  readers: 'own' | 'other' = 'own',
  used = instances
): () => Promise<Place<StreamAddress>> {
  return async () => {
    const cluster = await startCluster(instances)
    try {
      const sockets = cluster.instances.map(({ socket }) => socket)
      const client = await connect(sockets[0])
      const group = await ParallelStream.create<RecordBatchStream>(client, { perInstance: true })
      const addresses = group.streams.slice(0, used).map(({ id }, index): StreamAddress => ({
        server: sockets[index]!,
        reader: sockets[readers === 'own' ? index : (index + 1) % instances]!,
        stream: id
      }))
      await client.close()
      return { addresses, close: cluster.close }
    } catch (error) {
      await cluster.close()
      throw error
    }
  }
}
