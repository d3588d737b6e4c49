import { connect, type Client, type ConnectOptions } from 'vineyard-streams'
import { Cluster } from './cluster.js'
import { needsVineyard } from './vineyardd.js'

/** What a test has of a cluster of its own. */
export interface ClusterBench {
  readonly cluster: Cluster
  /** A client that is closed after the test. */
  open: (address: string, options?: ConnectOptions) => Promise<Client>
}

/** Gives each test of a suite a cluster of so many vineyardd. */
export function clusterForEach(count: number): ClusterBench {
  let cluster: Cluster | undefined
  const clients: Client[] = []
  beforeEach(async function () {
    needsVineyard(this)
    cluster = await Cluster.start(count)
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.close()))
    await cluster?.close()
  })
  return {
    get cluster() {
      return cluster as Cluster
    },
    async open(address, options) {
      const client = await connect(address, options)
      clients.push(client)
      return client
    }
  }
}
