import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import {
  ByteStream,
  connect,
  ParallelStream,
  type Client,
  type RecordBatchStream,
  type StreamReader
} from 'vineyard-streams'
import { clusterForEach } from '../support/cluster-tests.js'
import { runExample } from '../support/example.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { silence } from '../support/silence.js'
import type { Vineyardd } from '../support/vineyardd.js'

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: any = await promise.then(
    () => undefined,
    (reason: unknown) => reason
  )
  return error?.code ?? 'no error'
}

async function carry(from: ByteStream, to: ByteStream): Promise<string> {
  const writing = pipeline(Readable.from([Buffer.from('whole')]), from.createWriteStream())
  let text = ''
  for await (const chunk of to.createReadStream()) text += String(chunk)
  await writing
  return text
}

async function copy(from: Client, to: Client): Promise<string> {
  const stream = await ByteStream.create(from)
  const text = await carry(stream, await ByteStream.open(to, stream.id))
  await stream.drop()
  return text
}

/** Whether an instance can use its etcd. What it is asked before that it may never answer. */
async function persists(socket: string): Promise<boolean> {
  const client = await connect(socket, { timeout: 2000 })
  try {
    await client.persist(await client.put('a probe'))
    return true
  } catch (error) {
    expect((error as { code: string }).code).to.be.oneOf(['ERR_VINEYARD_TIMEOUT', 'ERR_VINEYARD_SERVER'])
    return false
  } finally {
    await client.close()
  }
}

/** Writes into a stream until that fails. */
async function write(client: Client, stream: ByteStream, chunk: Buffer): Promise<void> {
  const writer = await (await ByteStream.open(client, stream.id)).openWriter()
  for (;;) await writer.append(chunk)
}

/** Reads until that fails or the stream ends. */
async function readOn(reader: StreamReader<RecordBatch>): Promise<void> {
  while (!(await reader.next()).done) continue
}

/** Reads a stream until that fails or it ends; `begun` is told of each chunk. */
async function drain(client: Client, stream: ByteStream, begun?: () => void): Promise<void> {
  const reader = await (await ByteStream.open(client, stream.id)).openReader()
  while (!(await reader.next()).done) begun?.()
}

/** Puts a value until that fails. */
async function putAgainAndAgain(client: Client, value: Buffer): Promise<void> {
  for (;;) await client.delete(await client.put(value))
}

describe('Faults in a cluster', () => {
  const bench = clusterForEach(2)
  const { open } = bench

  it('an instance is killed: its streams fail, the others go on', async () => {
    const [first, second] = bench.cluster.instances as [Vineyardd, Vineyardd]
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
    const [first, second] = bench.cluster.instances as [Vineyardd, Vineyardd]
    const start = (role: string): Promise<{ stdout: string; stderr: string }> =>
      runExample('cluster-job.js', [role, 'job'], { VINEYARD_IPC_SOCKET: first.socket })
    const a = await open(first.socket)
    const end = start('producer').then(String, (error: { stderr: string }) => error.stderr)
    // Consumers that have taken a batch each: the job has begun, and cannot end.
    const readers: StreamReader<RecordBatch>[] = []
    for (const { socket } of [first, second]) {
      const client = await open(socket)
      const work = await ParallelStream.open<RecordBatchStream>(client, 'job', { wait: true })
      const reader = await (work.localStreams[0] as RecordBatchStream).openReader()
      expect((await reader.next()).value?.numRows).to.equal(10_000)
      readers.push(reader)
    }
    second.process.kill('SIGKILL')
    expect(await end).to.include("code: 'ERR_VINEYARD_CONNECTION_LOST'")
    const [near, far] = readers.map(reader => codeOf(readOn(reader)))
    // On a vineyardd who drops a stream also deletes the chunk that its reader has just been given.
    expect(await near).to.be.oneOf(['ERR_VINEYARD_STREAM_FAILED', 'ERR_VINEYARD_NOT_FOUND'])
    expect(await far).to.equal('ERR_VINEYARD_CONNECTION_LOST')
    // The instance is still listed, and nobody has waited.
    expect(await a.clusterMeta()).to.have.keys('i0', 'i1')
    expect(await codeOf(ParallelStream.create(a, { perInstance: true, unreachable: 'fail' }))).to.equal(
      'ERR_VINEYARD_CONNECT'
    )
    const [rerun] = await Promise.all([start('producer'), start('consumer')])
    expect(rerun).to.deep.equal({ stdout: 'instance 0: 60 batches\ntotal 17999970.0\n', stderr: '' })
  })

  it('an instance is replaced by one at its endpoint: nobody takes the one for the other', async () => {
    const [first, second] = bench.cluster.instances as [Vineyardd, Vineyardd]
    const [a, old] = [await open(first.socket), await open(second.socket)]
    const id = await old.put('of the old one')
    await old.persist(id)
    const b = await open((await bench.cluster.replace(1)).socket)
    const meta: any = await a.clusterMeta()
    expect(meta).to.have.keys('i0', 'i1', 'i2')
    expect(meta.i2.rpc_endpoint).to.equal(meta.i1.rpc_endpoint)
    expect(await codeOf(a.get(id))).to.equal('ERR_VINEYARD_CONNECT')
    const group = await ParallelStream.create(a, { perInstance: true, name: 'replaced' })
    expect(group.streams.map(stream => stream.meta.instance_id)).to.deep.equal([0, 2])
    const there = await ParallelStream.open(b, 'replaced', { wait: true })
    expect(there.localStreams).to.have.length(1)
    await group.drop()
    expect(await codeOf(ParallelStream.create(a, { perInstance: true, unreachable: 'fail' }))).to.equal(
      'ERR_VINEYARD_CONNECT'
    )
  })

  it('an instance does not answer: a stream on each instance is made on the others', async () => {
    const [first, second] = bench.cluster.instances as [Vineyardd, Vineyardd]
    const a = await open(first.socket)
    silence(second)
    const one = await ParallelStream.create(a, { perInstance: true })
    expect(one.streams.map(stream => stream.meta.instance_id)).to.deep.equal([0])
    await one.drop()
  })

  it('etcd is killed: chunks go on, what needs it ends with a code; when it is back, a rerun completes', async function () {
    this.timeout(120_000)
    const [first, second] = bench.cluster.instances as [Vineyardd, Vineyardd]
    const a = await open(first.socket)
    const id = await a.put([1])
    await a.persist(id)
    const stream = await ByteStream.create(a)
    const [writer, reader] = [await stream.openWriter(), await stream.openReader()]
    await bench.cluster.etcd.kill()
    await writer.append(Buffer.from('meanwhile'))
    expect(String((await reader.next()).value)).to.equal('meanwhile')
    expect(await codeOf(a.putName(id, 'during'))).to.equal('ERR_VINEYARD_SERVER')
    await writer.finish()
    expect((await reader.next()).done).to.be.true
    await bench.cluster.etcd.start()
    // Each finds it again by itself, after half a minute at most, and has kept what it had.
    for (const { socket } of [first, second]) {
      while (!(await persists(socket))) continue
    }
    const [back, other] = [await open(first.socket), await open(second.socket)]
    expect(await back.get(id)).to.deep.equal([1])
    await back.putName(id, 'after')
    expect(await other.getName('after')).to.equal(id)
    const next = await ByteStream.create(back, { name: 'rerun' })
    expect(await carry(next, await ByteStream.open(other, 'rerun'))).to.equal('whole')
    await next.drop()
  })

  it('a link is slow, then cut: data arrive whole, then waits end with a code, and a rerun completes', async () => {
    const [first] = bench.cluster.instances as [Vineyardd]
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

  it('a link is cut under load and nobody is told: what depends on it ends with a code, and a rerun completes', async () => {
    const [, second] = bench.cluster.instances as [Vineyardd, Vineyardd]
    const near = await open(second.socket)
    const proxy = await TcpProxy.start(second.endpoint as string)
    try {
      const address = bench.cluster.namespaced ? (second.endpoint as string) : proxy.address
      const far = await open(address, { timeout: 2000 })
      const [read, written, idle, late, own] = await Promise.all(
        [1, 2, 3, 4, 5].map(() => ByteStream.create(near))
      )
      const chunk = Buffer.alloc(2 ** 20)
      const others = [
        codeOf(write(near, read as ByteStream, chunk)),
        codeOf(drain(near, written as ByteStream))
      ]
      let begun = (): void => {}
      const load = new Promise<void>(resolve => (begun = resolve))
      const waits = [
        codeOf(drain(far, read as ByteStream, begun)),
        codeOf(write(far, written as ByteStream, chunk)),
        codeOf(putAgainAndAgain(far, Buffer.alloc(8 * 2 ** 20)))
      ]
      // Nothing but the kernel ends this one's waits, after 20 s.
      const patient = await open(address, { timeout: 0 })
      const [waiting, asking] = (await Promise.all(
        [idle, late].map(async stream =>
          (await ByteStream.open(patient, (stream as ByteStream).id)).openReader()
        )
      )) as [StreamReader<Buffer>, StreamReader<Buffer>]
      await load
      if (bench.cluster.namespaced) waits.push(codeOf(waiting.next()))
      if (bench.cluster.setLink(1, 'down'))
        waits.push(codeOf(asking.next()), codeOf(far.getName('never', { wait: true })))
      // The proxy that stands for the link would acknowledge everything.
      else proxy.silence()
      for (const code of await Promise.all(waits)) {
        expect(code).to.be.oneOf(['ERR_VINEYARD_TIMEOUT', 'ERR_VINEYARD_CONNECTION_LOST'])
      }
      // Who does not use the link learns that the other end is behind it, whose process lives.
      expect(await Promise.all(others)).to.deep.equal([
        'ERR_VINEYARD_STREAM_FAILED',
        'ERR_VINEYARD_STREAM_FAILED'
      ])
      // What does not cross the link goes on meanwhile. (To find or drop a stream its vineyardd asks etcd, and waits.)
      expect(await carry(own as ByteStream, own as ByteStream)).to.equal('whole')
      bench.cluster.setLink(1, 'up')
      expect(await copy(near, await open(address))).to.equal('whole')
    } finally {
      proxy.close()
    }
  })
})
