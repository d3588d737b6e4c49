import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import {
  ByteStream,
  connect,
  RecordBatchStream,
  release,
  StreamCollection,
  type Client
} from 'vineyard-streams'
import { Connection } from '#dist/client/connection.js'
import { connectionSettings } from '#dist/client/settings.js'
import { ownIdentity } from '#dist/memory/identity.js'
import { createPresence, listPresences } from '#dist/streams/presence.js'
import { clusterForEach } from '../support/cluster-tests.js'
import { LocalTraffic } from '../support/local-traffic.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { outcome } from '../support/outcome.js'
import { rejection } from '../support/rejection.js'
import { sentRequests } from '../support/sent-requests.js'
import { eventually } from '../support/settling.js'
import { TcpProxy } from '../support/tcp-proxy.js'
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

  it('ends in different pid namespaces, or over TCP, do not take each other for dead; and do so again when it is back', async () => {
    const proxy = await TcpProxy.start(instance.endpoint as string)
    try {
      const far = await bench.open(proxy.address, { timeout })
      const stream = await ByteStream.create(a, { name: 'beating' })
      const reader = await stream.openReader()
      const introduced = sentRequests('label_request', 4)
      const writer = await (await ByteStream.open(far, stream.id)).openWriter()
      // Both have seen the other one, and beat.
      await introduced
      bench.cluster.etcd.freeze()
      // Longer than a silent end is waited for.
      for (let passed = 0; passed < 6000; passed += timeout) await timeoutPassed()
      await writer.append(Buffer.from('alive'))
      expect(String((await reader.next()).value)).to.equal('alive')
      await traffic.goesOn()
      bench.cluster.etcd.thaw()
      const silenced = rejection(reader.next())
      proxy.silence()
      expect(await silenced).to.include({ code: 'ERR_VINEYARD_STREAM_FAILED' })
      await traffic.end()
    } finally {
      proxy.close()
    }
  })

  it('a writer that has finished looks after what is unread', async () => {
    const stream = await RecordBatchStream.create(a)
    const writer = await stream.openWriter()
    await writer.append(numberedBatch(1, largeBytes))
    await writer.finish()
    bench.cluster.etcd.freeze()
    await timeoutPassed()
    const reader = await stream.openReader()
    expect(numberOf((await reader.next()).value as RecordBatch)).to.equal(1)
    expect((await reader.next()).done).to.be.true
    await goesOn()
  })

  it('record batches are leased, and a full window opens', async () => {
    const stream = await RecordBatchStream.create(a)
    const writer = await stream.openWriter(a, { window: { chunks: 2 } })
    const reader = await stream.openReader()
    bench.cluster.etcd.freeze()
    const writing = (async () => {
      for (let number = 0; number < 20; number += 1) await writer.append(numberedBatch(number, largeBytes))
      await writer.finish()
    })()
    const kept: RecordBatch[] = []
    for await (const batch of reader) kept.push(batch)
    await writing
    expect(kept.map(numberOf)).to.deep.equal(Array.from({ length: 20 }, (_, number) => number))
    expect(stream.stats().chunksCopied).to.equal(0)
    for (const batch of kept) release(batch)
    await goesOn()
    expect(await a.list({ pattern: 'vineyard::NodeLease' })).to.deep.equal([])
  })

  it('what is leased of a persistent object is given back, and stays', async () => {
    const id = await a.put(numberedBatch(7, largeBytes))
    await a.persist(id)
    const batch = await a.get<RecordBatch>(id, { zeroCopy: true })
    expect(numberOf(batch)).to.equal(7)
    bench.cluster.etcd.freeze()
    release(batch)
    await goesOn()
    expect(await a.list({ pattern: 'vineyard::NodeLease' })).to.deep.equal([])
    expect(numberOf(await a.get(id))).to.equal(7)
  })

  it('the ends of a stream with a name are opened', async () => {
    const stream = await ByteStream.create(a, { name: 'opened' })
    bench.cluster.etcd.freeze()
    const [writer, reader] = await Promise.all([stream.openWriter(), stream.openReader()])
    await timeoutPassed()
    await writer.append(Buffer.from('at once'))
    expect(String((await reader.next()).value)).to.equal('at once')
    await traffic.goesOn()
  })

  it('a stream that becomes persistent and gets no name is taken back', async () => {
    const silent = sentRequests('put_name_request', 1, () => bench.cluster.etcd.freeze())
    const creating = outcome(() => ByteStream.create(a, { name: 'nobody' }))
    await silent
    expect(await creating).to.equal('TIMEOUT')
    await goesOn()
  })

  it('a stream that does not become persistent is taken back, though its client is closed at once', async () => {
    const other = await bench.open(instance.socket, { timeout })
    bench.cluster.etcd.freeze()
    expect(await outcome(() => ByteStream.create(other, { name: 'nobody' }))).to.equal('TIMEOUT')
    await other.close()
    await goesOn()
    expect(await a.list({ pattern: 'vineyard::ByteStream' })).to.deep.equal([])
  })

  it('a writer names more memory than it had notes for', async () => {
    const stream = await ByteStream.create(a, { name: 'notes' })
    const writer = await stream.openWriter()
    const reader = await stream.openReader()
    bench.cluster.etcd.freeze()
    for (let count = 0; count < 300; count += 1) await writer.allocate(64)
    await timeoutPassed()
    await writer.append(Buffer.from('all the same'))
    expect(String((await reader.next()).value)).to.equal('all the same')
    await traffic.goesOn()
  })

  it('what the dead have left is swept', async () => {
    const stream = await ByteStream.create(a, { name: 'abandoned' })
    const connection = await Connection.open(connectionSettings(instance.socket, {}))
    const [boot, namespace, , , start] = ownIdentity().split('/')
    // Above the largest pid of Linux.
    const dead = [boot, namespace, 2 ** 23, 2 ** 23, start].join('/')
    for (const end of ['producer', 'consumer'] as const)
      await createPresence(connection, stream.id, end, dead)
    const presences = () => listPresences(connection, stream.id)
    expect(await presences()).to.have.lengthOf(2)
    bench.cluster.etcd.freeze()
    const sweeper = await connect(instance.socket, { timeout })
    await eventually(async () => (await presences()).length === 0, 'the presences of the dead to be deleted')
    connection.close()
    expect((await sweeper.status()).instanceId).to.equal(0)
    await sweeper.close()
    await goesOn()
  })
})
