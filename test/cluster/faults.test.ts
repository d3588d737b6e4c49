import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import { ByteStream, connect, ParallelStream, type Client, type RecordBatchStream } from 'vineyard-streams'
import { Cluster } from '../support/cluster.js'
import { runExample } from '../support/example.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { needsVineyard, type Vineyardd } from '../support/vineyardd.js'

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: any = await promise.then(
    () => undefined,
    (reason: unknown) => reason
  )
  return error?.code ?? 'no error'
}

async function copy(from: Client, to: Client): Promise<string> {
  const stream = await ByteStream.create(from)
  const writing = pipeline(Readable.from([Buffer.from('whole')]), stream.createWriteStream())
  let text = ''
  for await (const chunk of (await ByteStream.open(to, stream.id)).createReadStream()) text += String(chunk)
  await writing
  await stream.drop()
  return text
}

describe('Faults in a cluster', () => {
  let cluster: Cluster
  const clients: Client[] = []
  const open = async (address: string): Promise<Client> => {
    const client = await connect(address)
    clients.push(client)
    return client
  }
  beforeEach(async function () {
    needsVineyard(this)
    cluster = await Cluster.start(2)
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.close()))
    await cluster?.close()
  })

  it('an instance is killed: its streams fail, the others go on', async () => {
    const [first, second] = cluster.instances as [Vineyardd, Vineyardd]
    const [a, b] = [await open(first.socket), await open(second.socket)]
    const group = await ParallelStream.create(a, { perInstance: true })
    const [near, far] = group.streams as [RecordBatchStream, RecordBatchStream]
    const reading = (await near.openReader()).next()
    const waits = [codeOf((await far.openReader()).next()), codeOf(b.getName('never', { wait: true }))]
    second.process.kill('SIGKILL')
    expect(await Promise.all(waits)).to.deep.equal([
      'ERR_VINEYARD_CONNECTION_LOST',
      'ERR_VINEYARD_CONNECTION_LOST'
    ])
    const writer = await near.openWriter()
    await writer.append(numberedBatch(7, 1000))
    expect(numberOf((await reading).value as RecordBatch)).to.equal(7)
    await writer.finish()
    expect(await codeOf(far.openWriter())).to.equal('ERR_VINEYARD_CONNECT')
    // What can be removed is, whatever the order.
    expect(await codeOf(group.drop())).to.equal('ERR_VINEYARD_CONNECT')
    expect([await a.exists(near.id), await a.exists(group.id)]).to.deep.equal([false, false])
  })

  it('an instance is killed while a job runs: the job ends with a code, and the same one again completes', async () => {
    const [first, second] = cluster.instances as [Vineyardd, Vineyardd]
    const start = (role: string): Promise<{ stdout: string; stderr: string }> =>
      runExample('cluster-job.js', [role, 'job'], { VINEYARD_IPC_SOCKET: first.socket })
    const failure = (job: Promise<unknown>): Promise<string> => job.then(String, error => error.stderr)
    const ends = [failure(start('producer')), failure(start('consumer'))]
    // The consumer of the other partition takes one batch: the job has begun, and cannot end.
    const b = await open(second.socket)
    const stream = await ParallelStream.open<RecordBatchStream>(b, 'job', { wait: true })
    const reader = await (stream.localStreams[0] as RecordBatchStream).openReader()
    expect((await reader.next()).value?.numRows).to.equal(10_000)
    second.process.kill('SIGKILL')
    const [producer, consumer] = await Promise.all(ends)
    expect(producer).to.include("code: 'ERR_VINEYARD_CONNECTION_LOST'")
    expect(consumer).to.include("code: 'ERR_VINEYARD_STREAM_FAILED'")
    // The instance is still listed, and nobody has waited.
    const a = await open(first.socket)
    expect(await a.clusterMeta()).to.have.keys('i0', 'i1')
    expect(await codeOf(ParallelStream.create(a, { perInstance: true, unreachable: 'fail' }))).to.equal(
      'ERR_VINEYARD_CONNECT'
    )
    const [rerun] = await Promise.all([start('producer'), start('consumer')])
    expect(rerun).to.deep.equal({ stdout: 'instance 0: 60 batches\ntotal 17999970.0\n', stderr: '' })
  })

  it('an instance does not answer: a stream on each instance is made on the others', async () => {
    const [first, second] = cluster.instances as [Vineyardd, Vineyardd]
    const a = await open(first.socket)
    second.process.kill('SIGSTOP')
    const one = await ParallelStream.create(a, { perInstance: true })
    expect(one.streams.map(stream => stream.meta.instance_id)).to.deep.equal([0])
    await one.drop()
  })

  it('etcd is killed: chunks go on, what needs it ends with a code; when it is back, a rerun completes', async () => {
    const [first] = cluster.instances as [Vineyardd]
    const a = await open(first.socket)
    const id = await a.put([1])
    await a.persist(id)
    const stream = await ByteStream.create(a)
    const [writer, reader] = [await stream.openWriter(), await stream.openReader()]
    await cluster.etcd.kill()
    await writer.append(Buffer.from('meanwhile'))
    expect(String((await reader.next()).value)).to.equal('meanwhile')
    expect(await codeOf(a.putName(id, 'during'))).to.equal('ERR_VINEYARD_SERVER')
    await writer.finish()
    expect((await reader.next()).done).to.be.true
    await cluster.etcd.start()
    // A vineyardd 0.24 that has lost its etcd does not find it again for a long time, if ever: it is to be started anew.
    const fresh = await open((await cluster.add()).socket)
    expect(await copy(fresh, fresh)).to.equal('whole')
    const other = await fresh.put([2])
    await fresh.persist(other)
    await fresh.putName(other, 'after')
    expect(await fresh.getName('after')).to.equal(other)
  })

  it('a link is slow, then cut: data arrive whole, then waits end with a code, and a rerun completes', async () => {
    const [first] = cluster.instances as [Vineyardd]
    const a = await open(first.socket)
    const proxy = await TcpProxy.start(first.endpoint as string, 5)
    try {
      const far = await open(proxy.address)
      expect(await copy(far, a)).to.equal('whole')
      const stream = await ByteStream.create(a)
      const waiting = codeOf((await (await ByteStream.open(far, stream.id)).openReader()).next())
      proxy.cut()
      expect(await waiting).to.equal('ERR_VINEYARD_CONNECTION_LOST')
      expect(await copy(a, await open(proxy.address))).to.equal('whole')
    } finally {
      proxy.close()
    }
  })
})
