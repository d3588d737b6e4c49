import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { ByteStream, ParallelStream, type Client } from 'vineyard-streams'
import { clusterForEach } from '../support/cluster-tests.js'
import { LocalTraffic } from '../support/local-traffic.js'
import { outcome } from '../support/outcome.js'
import { rejection } from '../support/rejection.js'
import { sentRequests } from '../support/sent-requests.js'
import { silence } from '../support/silence.js'
import type { Vineyardd } from '../support/vineyardd.js'

/** The client's, in ms. */
const timeout = 1500
const value = Float64Array.from({ length: 1000 }, (_, index) => index)

describe('A request that hangs in a cluster ends alone', () => {
  const bench = clusterForEach(2)
  const { open } = bench
  const persistent = async (client: Client): Promise<string> => {
    const id = await client.put(value)
    await client.persist(id)
    return id
  }

  it('where etcd is dead: what makes something persistent', async () => {
    const [first] = bench.cluster.instances as [Vineyardd]
    const a = await open(first.socket, { timeout })
    const [id, other] = [await persistent(a), await a.put(value)]
    const traffic = await LocalTraffic.start(a)
    await bench.cluster.etcd.kill()
    const ends = [
      outcome(() => a.persist(other)),
      outcome(() => ByteStream.create(a, { name: 'named' })),
      outcome(() => ParallelStream.create(a, 1, ByteStream, { name: 'group' }))
    ]
    // Meanwhile.
    expect(await a.exists(id)).to.be.true
    expect(await Promise.all(ends)).to.deep.equal(['TIMEOUT', 'TIMEOUT', 'TIMEOUT'])
    expect(await a.exists(id)).to.be.true
    await traffic.goesOn()
    await traffic.end()
  })

  it('where etcd does not answer: whatever asks it', async () => {
    const [first, second] = bench.cluster.instances as [Vineyardd, Vineyardd]
    const [a, b] = [await open(first.socket, { timeout }), await open(second.socket)]
    const [id, other, far] = [await persistent(a), await a.put(value), await persistent(b)]
    await a.putName(id, 'name')
    const traffic = await LocalTraffic.start(a)
    const calls: Record<string, () => Promise<unknown>> = {
      persist: () => a.persist(other),
      putName: () => a.putName(id, 'another'),
      getName: () => a.getName('name'),
      listNames: () => a.listNames(),
      dropName: () => a.dropName('name'),
      getMeta: () => a.getMeta(id),
      get: () => a.get(id),
      exists: () => a.exists(id),
      delete: () => a.delete(id),
      clusterMeta: () => a.clusterMeta(),
      migrate: () => a.migrate(far),
      perInstance: () => ParallelStream.create(a, { perInstance: true })
    }
    bench.cluster.etcd.freeze()
    const came = await Promise.all(
      Object.entries(calls).map(async ([call, run]) => [call, await outcome(run)])
    )
    expect(came).to.deep.equal(Object.keys(calls).map(call => [call, 'TIMEOUT']))
    await traffic.goesOn()
    expect((await a.status()).instanceId).to.equal(0)
  })

  describe('migrate()', () => {
    let second: Vineyardd
    let b: Client
    let id: string
    let traffic: LocalTraffic
    beforeEach(async () => {
      const [first] = bench.cluster.instances as [Vineyardd]
      second = bench.cluster.instances[1] as Vineyardd
      id = await persistent(await open(first.socket))
      b = await open(second.socket, { timeout })
      // It has been at the other instance.
      expect(await b.get(id)).to.deep.equal(value)
      traffic = await LocalTraffic.start(b)
    })
    const localGoesOn = async (): Promise<void> => {
      expect(await b.exists(id)).to.be.true
      await traffic.goesOn()
      await traffic.end()
    }

    it('where the other instance dies: at once', async () => {
      const [first] = bench.cluster.instances as [Vineyardd]
      silence(first)
      const sent = sentRequests('migrate_object_request')
      const migrating = rejection(b.migrate(id))
      await sent
      first.process.kill('SIGKILL')
      expect(await migrating).to.include({ code: 'ERR_VINEYARD_CONNECTION_LOST' })
      await localGoesOn()
    })

    it('where the other instance does not answer: within the timeout', async () => {
      const [first] = bench.cluster.instances as [Vineyardd]
      silence(first)
      const sent = sentRequests('migrate_object_request')
      const migrating = rejection(b.migrate(id))
      await sent
      expect(await b.exists(id)).to.be.true
      expect(await migrating).to.include({ code: 'ERR_VINEYARD_TIMEOUT' })
      await localGoesOn()
    })

    it('with its signal, and the next one gets what it had begun', async () => {
      const [first] = bench.cluster.instances as [Vineyardd]
      const abort = new AbortController()
      silence(first)
      const sent = sentRequests('migrate_object_request')
      const migrating = rejection(b.migrate(id, { signal: abort.signal }))
      await sent
      abort.abort(new Error('enough'))
      expect(await migrating).to.include({ code: 'ABORT_ERR' })
      first.process.kill('SIGCONT')
      const here = await b.migrate(id)
      expect(await b.get(here)).to.deep.equal(value)
      expect(await b.migrate(id)).to.equal(here)
      await localGoesOn()
    })

    it('with the client', async () => {
      const [first] = bench.cluster.instances as [Vineyardd]
      silence(first)
      const sent = sentRequests('migrate_object_request')
      const migrating = rejection(b.migrate(id))
      await sent
      await b.close()
      expect(await migrating).to.include({ code: 'ERR_VINEYARD_CLOSED' })
    })

    it('and not because it takes longer than the timeout', async () => {
      const patient = await open(second.socket, { timeout })
      expect(await patient.get(id)).to.deep.equal(value)
      // The instance that fetches stands for a slow network: the other one answers meanwhile.
      const stopped = sentRequests('migrate_object_request', 1, () => silence(second))
      const migrating = patient.migrate(id)
      await stopped
      expect(await Promise.race([migrating, delay(2 * timeout, 'goes on')])).to.equal('goes on')
      second.process.kill('SIGCONT')
      expect(await patient.get(await migrating)).to.deep.equal(value)
    })

    it('where another instance has the address of the one that had the object: within the timeout', async () => {
      await bench.cluster.replace(0)
      const fresh = await open(second.socket, { timeout })
      const error = await rejection(fresh.migrate(id))
      expect(error).to.include({ code: 'ERR_VINEYARD_TIMEOUT' })
      expect(error.cause).to.include({ code: 'ERR_VINEYARD_CONNECT' })
      expect(await rejection(fresh.get(id))).to.include({ code: 'ERR_VINEYARD_CONNECT' })
      await localGoesOn()
    })
  })

  it('migrate() of a transient object says what it needs', async () => {
    const [a, b] = await Promise.all(bench.cluster.instances.map(({ socket }) => open(socket)))
    const id = await a!.put(value)
    const error = await rejection(b!.migrate(id))
    expect(error).to.include({ code: 'ERR_VINEYARD_NOT_FOUND' })
    expect(error.message).to.include(`client.persist('${id}')`)
  })
})
