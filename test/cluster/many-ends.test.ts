import { expect } from 'chai'
import { ByteStream, type Client } from 'vineyard-streams'
import { clusterForEach } from '../support/cluster-tests.js'
import type { Vineyardd } from '../support/vineyardd.js'

/** More than the threads that a vineyardd has for what waits for the lock of the cluster. */
const count = 60

describe('Many at once in a cluster', () => {
  const bench = clusterForEach(1)
  let socket: string
  let client: Client
  beforeEach(async () => {
    socket = (bench.cluster.instances[0] as Vineyardd).socket
    client = await bench.open(socket)
  })

  const named = (names: string): Promise<ByteStream[]> =>
    Promise.all(
      Array.from({ length: count }, (_, number) => ByteStream.create(client, { name: `${names}${number}` }))
    )

  it('streams get names, lose them, and are dropped', async () => {
    const streams = await named('many')
    expect(Object.values(await client.listNames())).to.have.members(streams.map(({ id }) => id))
    await Promise.all(Array.from({ length: count }, (_, number) => client.dropName(`many${number}`)))
    expect(await client.listNames()).to.deep.equal({})
    await Promise.all(streams.map(stream => stream.drop()))
    expect(await client.list()).to.deep.equal([])
  })
})
