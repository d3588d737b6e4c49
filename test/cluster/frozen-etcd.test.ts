import { expect } from 'chai'
import { ByteStream, RecordBatchStream, StreamCollection, type Client } from 'vineyard-streams'
import { clusterForEach } from '../support/cluster-tests.js'
import { LocalTraffic } from '../support/local-traffic.js'
import { numberedBatch } from '../support/numbered.js'
import { outcome } from '../support/outcome.js'
import { sentRequests } from '../support/sent-requests.js'
import { eventually } from '../support/settling.js'
import type { Vineyardd } from '../support/vineyardd.js'

/** The client's, in ms. */
const timeout = 1500
/** Of a chunk that is leased, not copied. */
const largeBytes = 2 ** 16

describe('While etcd is there and says nothing', () => {
  const bench = clusterForEach(1)
  let instance: Vineyardd
  let a: Client
  let traffic: LocalTraffic
  beforeEach(async () => {
    instance = bench.cluster.instances[0] as Vineyardd
    a = await bench.open(instance.socket, { timeout })
    traffic = await LocalTraffic.start(a)
  })

  /** What was asked before this has ended by its timeout then, too; on whichever connection. */
  const timeoutPassed = async (client = a): Promise<void> => {
    expect(await outcome(() => client.getName('never'))).to.equal('TIMEOUT')
  }
  /** The client has lost nothing, and when etcd is back it has everything. */
  const goesOn = async (): Promise<void> => {
    await timeoutPassed()
    await traffic.goesOn()
    bench.cluster.etcd.thaw()
    const stream = await ByteStream.create(a, { name: 'after' })
    await stream.drop()
    await traffic.end()
  }

  it('a stream without a name is dropped, and what is appended before that does not stay', async () => {
    const stream = await RecordBatchStream.create(a)
    const writer = await stream.openWriter()
    const { memoryUsage } = await a.status()
    bench.cluster.etcd.freeze()
    await writer.append(numberedBatch(1, largeBytes))
    expect(await Promise.race([stream.drop(), timeoutPassed().then(() => 'later')])).to.be.undefined
    expect(await outcome(() => writer.finish())).to.equal('STREAM_FAILED')
    await eventually(async () => (await a.status()).memoryUsage <= memoryUsage, 'the chunk to be deleted')
    await goesOn()
    expect(await a.exists(stream.id)).to.be.false
  })

  it('drop() of a stream with a name ends with a code, and completes when it is back', async () => {
    const stream = await RecordBatchStream.create(a, { name: 'kept' })
    const writer = await stream.openWriter()
    const reader = await stream.openReader()
    await writer.append(numberedBatch(1, largeBytes))
    bench.cluster.etcd.freeze()
    expect(await outcome(() => stream.drop())).to.equal('TIMEOUT')
    // What is on the instance itself is done.
    expect(await outcome(() => reader.next())).to.equal('STREAM_FAILED')
    await goesOn()
    await stream.drop()
    expect(await a.exists(stream.id)).to.be.false
    expect(await outcome(() => a.getName('kept'))).to.equal('NOT_FOUND')
  })

  it('drop() of a group with a name ends with a code, and completes when it is back', async () => {
    const member = await ByteStream.create(a)
    const group = await StreamCollection.create(a, [member], { name: 'kept' })
    bench.cluster.etcd.freeze()
    expect(await outcome(() => group.drop())).to.equal('TIMEOUT')
    await goesOn()
    await group.drop()
    expect([await a.exists(group.id), await a.exists(member.id)]).to.deep.equal([false, false])
    expect(await outcome(() => a.getName('kept'))).to.equal('NOT_FOUND')
  })

  it('a reader gives a stream with a name up', async () => {
    const stream = await ByteStream.create(a, { name: 'given up' })
    const writer = await stream.openWriter()
    const reader = await stream.openReader()
    await writer.append(Buffer.from('unread'))
    bench.cluster.etcd.freeze()
    await reader.close()
    expect(await outcome(() => writer.append(Buffer.from('to nobody')))).to.equal('STREAM_FAILED')
    await goesOn()
  })

  it('a stream that becomes persistent and gets no name is taken back', async () => {
    const silent = sentRequests('put_name_request', 1, () => bench.cluster.etcd.freeze())
    const creating = outcome(() => ByteStream.create(a, { name: 'nobody' }))
    await silent
    expect(await creating).to.equal('TIMEOUT')
    await goesOn()
  })
})
