import { expect } from 'chai'
import { ByteStream, type Client } from 'vineyard-streams'
import { clusterForEach } from '../support/cluster-tests.js'
import type { ManyEndsReport } from '../support/lifetime-jobs.js'
import { median } from '../support/median.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import type { Vineyardd } from '../support/vineyardd.js'

/** More than the threads that a vineyardd has for what waits for the lock of the cluster. */
const count = 60
type Opened = Extract<ManyEndsReport, { opened: number }>

describe('Many at once in a cluster', () => {
  const bench = clusterForEach(1)
  afterEach(endProcesses)
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

  const presences = async (): Promise<string[]> => {
    const metas = await client.list({ pattern: 'vineyard::NodeStreamEnd*' })
    return metas.map(({ typename, end }) => `${typename} ${String(end)}`).sort()
  }

  it('streams get names, lose them, and are dropped', async () => {
    const streams = await named('many')
    expect(Object.values(await client.listNames())).to.have.members(streams.map(({ id }) => id))
    await Promise.all(Array.from({ length: count }, (_, number) => client.dropName(`many${number}`)))
    expect(await client.listNames()).to.deep.equal({})
    await Promise.all(streams.map(stream => stream.drop()))
    expect(await client.list()).to.deep.equal([])
  })

  it('readers of streams with names give them up', async () => {
    const readers = await Promise.all((await named('read')).map(stream => stream.openReader()))
    await Promise.all(readers.map(reader => reader.close()))
    expect(await client.list()).to.deep.equal([])
    const another = await bench.open(socket)
    await Promise.all(
      (await named('again')).map(async ({ id }) => (await ByteStream.open(another, id)).openReader())
    )
    await another.close()
    expect(await client.list()).to.deep.equal([])
    await named('after')
  })

  it('ends of persistent streams are opened by two processes, and notice it when one is killed', async () => {
    const ids = (await named('ends')).map(({ id }) => id)
    const [some, others] = [ids.slice(0, count / 2), ids.slice(count / 2)]
    const [victim, survivor] = [
      new TestProcess('many-ends', { socket, written: some, read: others }),
      new TestProcess('many-ends', { socket, written: others, read: some })
    ]
    const both = [victim, survivor]
    for (const each of both) await each.next()
    for (const each of both) each.send('open')
    for (const { opened, within } of await Promise.all(both.map(each => each.next<Opened>()))) {
      expect(opened).to.equal(count)
      // It takes a tenth of a second; what waits for the lock of the cluster takes several, or for ever.
      expect(within).to.be.below(5000)
    }
    const expected = ids.flatMap(id =>
      ['consumer', 'producer'].map(end => `vineyard::NodeStreamEnd<${id}> ${end}`)
    )
    expect(await presences()).to.deep.equal(expected.sort())

    const killed = performance.now()
    await victim.kill()
    const noticed: number[] = []
    for (let index = 0; index < count; index += 1) {
      expect(await survivor.next()).to.deep.equal({ failed: 'ERR_VINEYARD_STREAM_FAILED' })
      noticed.push(performance.now() - killed)
    }
    await survivor.rest()
    // What is promised of two in one pid namespace; of the median, because a busy machine delays some.
    expect(median(noticed)).to.be.at.most(3000)
    await Promise.all(
      (await Promise.all(ids.map(id => ByteStream.open(client, id)))).map(stream => stream.drop())
    )
    expect(await client.list()).to.deep.equal([])
  })
})
