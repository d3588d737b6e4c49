import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import {
  ByteStream,
  connect,
  ParallelStream,
  RecordBatchStream,
  release,
  type Client
} from 'vineyard-streams'
import { plainColumns } from '../interop/plain.js'
import { PythonSession } from '../interop/session.js'
import { Cluster } from '../support/cluster.js'
import { runExample } from '../support/example.js'
import { canHaveNetworkNamespace } from '../support/network.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { memoryReturns } from '../support/settling.js'
import { needsVineyard, type Vineyardd } from '../support/vineyardd.js'

function numbered(first: number, count: number): RecordBatch[] {
  return Array.from({ length: count }, (_, index) => numberedBatch(first + index, 100_000))
}

async function numbersOf(stream: AsyncIterable<RecordBatch>): Promise<number[]> {
  const numbers: number[] = []
  for await (const batch of stream) {
    numbers.push(numberOf(batch))
    release(batch)
  }
  return numbers.sort((a, b) => a - b)
}

for (const size of [2, 3]) {
  describe(`A cluster of ${size} vineyardd`, () => {
    let cluster: Cluster
    let clients: Client[]
    before(async function () {
      needsVineyard(this)
      cluster = await Cluster.start(size)
    })
    beforeEach(async () => {
      clients = await Promise.all(cluster.instances.map(({ socket }) => connect(socket)))
    })
    afterEach(() => Promise.all(clients.map(client => client.close())))
    after(() => cluster?.close())

    it('is in network namespaces wherever the machine allows it', () => {
      expect(cluster.namespaced).to.equal(canHaveNetworkNamespace())
    })

    it('knows its instances', async () => {
      const meta = await (clients[0] as Client).clusterMeta()
      expect(Object.keys(meta)).to.deep.equal(Array.from({ length: size }, (_, index) => `i${index}`))
      const ids = await Promise.all(clients.map(async client => (await client.status()).instanceId))
      expect(ids).to.deep.equal([...ids.keys()])
    })

    it('finds persistent objects and names from every instance, and fetches or migrates them', async () => {
      const [a, b] = clients as [Client, Client]
      const id = await a.put(Float64Array.of(1, 2, 3))
      await a.persist(id)
      await a.putName(id, `name-${size}`)
      expect(await b.getName(`name-${size}`, { wait: true })).to.equal(id)
      expect((await b.getMeta(id)).instance_id).to.equal(0)
      // Over TCP, from where it is.
      expect([...(await b.get(id))]).to.deep.equal([1, 2, 3])
      const stream = await RecordBatchStream.create(b)
      const writer = await stream.openWriter()
      // Made persistent on one instance and appended on another, which may not have heard of it yet.
      const other = await a.put(Float64Array.of(4))
      await a.persist(other)
      expect(await writer.append(other)).to.equal(other)
      await writer.close()
      const here = await b.migrate(id)
      expect(here).not.to.equal(id)
      expect((await b.getMeta(here)).instance_id).to.equal(1)
      expect([...(await b.get(here))]).to.deep.equal([1, 2, 3])
      expect(await a.migrate(id)).to.equal(id)
      await a.dropName(`name-${size}`)
    })

    it('has global objects, with the parts of this instance or with all', async () => {
      const session = new PythonSession()
      try {
        const [here] = cluster.instances as [Vineyardd]
        const parts: string[] = []
        for (const [index, { socket }] of cluster.instances.entries()) {
          const value = `pd.DataFrame({'a': [${index}, ${10 + index}]})`
          parts.push(await session.call(socket, 'objects.put_part', { value, index }))
        }
        const id = await session.call<string>(here.socket, 'objects.join_frames', { parts })
        const all = parts.map((_part, index) => ({ a: [index, 10 + index] }))
        for (const [index, client] of clients.entries()) {
          const own = await client.get<RecordBatch[]>(id)
          expect(own.map(plainColumns)).to.deep.equal([all[index]])
          release(own)
          for (const zeroCopy of [false, true]) {
            const whole = await client.get<RecordBatch[]>(id, { allParts: true, zeroCopy })
            expect(whole.map(plainColumns)).to.deep.equal(all)
            expect(whole.map(one => release(one))).to.deep.equal(
              all.map((_one, at) => zeroCopy && at === index)
            )
          }
        }
        const far = await connect(here.endpoint)
        expect((await far.get<RecordBatch[]>(id, { allParts: true })).map(plainColumns)).to.deep.equal(all)
        await far.close()
        await (clients[0] as Client).delete(id)
      } finally {
        await session.kill()
      }
    })

    it('reads and writes a stream of another instance', async () => {
      const [a, b] = clients as [Client, Client]
      const stream = await ByteStream.create(a, { name: `stream-${size}` })
      const far = await ByteStream.open(b, `stream-${size}`, { wait: true })
      const before = cluster.received(0)
      const writing = pipeline(
        Readable.from([Buffer.alloc(50_000, 'one'), Buffer.from('two')]),
        far.createWriteStream()
      )
      let text = ''
      for await (const chunk of stream.createReadStream()) text += String(chunk)
      await writing
      expect(text).to.equal(`${String(Buffer.alloc(50_000, 'one'))}two`)
      if (before !== undefined) expect(cluster.received(0)).to.be.at.least(before + 50_000)
      await stream.drop()
    })

    it('knows both ends of a stream that are opened at once', async () => {
      const [a] = clients as [Client]
      const streams: ByteStream[] = []
      const ends: { close(): Promise<void> }[] = []
      for (let count = 0; count < 10; count += 1) {
        const stream = await ByteStream.create(a, { name: `ends-${count}` })
        streams.push(stream)
        ends.push(...(await Promise.all([stream.openWriter(), stream.openReader()])))
      }
      for (const { id } of streams) {
        const presences = await a.list({ pattern: `vineyard::NodeStreamEnd<${id}>` })
        expect(presences.map(({ end }) => end)).to.have.members(['producer', 'consumer'])
      }
      await Promise.all(ends.map(end => end.close()))
      await Promise.all(streams.map(stream => stream.drop()))
    })

    it('has one partition on each instance, written and read where it is', async () => {
      const [a] = clients as [Client]
      const before = await Promise.all(clients.map(async client => (await client.status()).memoryUsage))
      const group = await ParallelStream.create(a, { perInstance: true, name: `job-${size}` })
      expect(group.streams.map(stream => stream.meta.instance_id)).to.deep.equal([...clients.keys()])
      const work = clients.map(async (client, index) => {
        const same = await ParallelStream.open<RecordBatchStream>(client, `job-${size}`, { wait: true })
        expect(same.localStreams.map(stream => stream.meta.instance_id)).to.deep.equal([index])
        const writing = pipeline(Readable.from(numbered(10 * index, 5)), same.createWriteStream())
        const numbers = await numbersOf(same.createReadStream())
        await writing
        // Nothing of it went over TCP: it was zero-copy.
        expect(client.stats().chunksCopied).to.equal(0)
        return numbers
      })
      const got = await Promise.all(work)
      got.forEach((numbers, index) => {
        expect(numbers).to.deep.equal([0, 1, 2, 3, 4].map(number => 10 * index + number))
      })
      await group.drop()
      await Promise.all(clients.map((client, index) => memoryReturns(client, before[index] as number)))
    })

    it('runs the batch job of examples/: a producer on one instance, consumers on all', async () => {
      const job = `example-${size}`
      const before = await Promise.all(clients.map(async client => (await client.status()).memoryUsage))
      const start = (role: string, index: number): Promise<{ stdout: string; stderr: string }> =>
        runExample('cluster-job.js', [role, job], { VINEYARD_IPC_SOCKET: cluster.instances[index]?.socket })
      const outputs = await Promise.all([
        ...clients.map((_client, index) => start('consumer', index)),
        start('producer', 0)
      ])
      const share = 60 / size
      expect(outputs.map(({ stderr }) => stderr).join('')).to.equal('')
      expect(outputs.map(({ stdout }) => stdout)).to.deep.equal([
        ...clients.map(() => `read ${share} batches\n`),
        `${clients.map((_client, index) => `instance ${index}: ${share} batches\n`).join('')}total 17999970.0\n`
      ])
      expect(await (clients[1] as Client).listNames({ pattern: '*' })).to.deep.equal({})
      await Promise.all(clients.map((client, index) => memoryReturns(client, before[index] as number)))
    })

    it('has a batch job in one process: a producer on one instance, consumers on all', async () => {
      const [a] = clients as [Client]
      const group = await ParallelStream.create(a, { perInstance: true, type: RecordBatchStream })
      const writing = pipeline(
        Readable.from(numbered(0, 4 * size)),
        group.createWriteStream({ partition: 'round-robin' })
      )
      const reading = clients.map(async client => {
        const same = await client.get<ParallelStream<RecordBatchStream>>(group.id)
        return numbersOf(same.createReadStream())
      })
      const got = await Promise.all(reading)
      await writing
      got.forEach((numbers, index) => {
        expect(numbers).to.deep.equal([0, 1, 2, 3].map(turn => turn * size + index))
      })
      await group.drop()
    })

    it('merges the partitions of all instances for one consumer', async () => {
      const [a, b] = clients as [Client, Client]
      const group = await ParallelStream.create(a, { perInstance: true })
      const writing = clients.map(async (client, index) => {
        const same = await client.get<ParallelStream<RecordBatchStream>>(group.id)
        await pipeline(Readable.from(numbered(2 * index, 2)), same.createWriteStream())
      })
      const same = await b.get<ParallelStream<RecordBatchStream>>(group.id)
      const numbers = await numbersOf(same.createReadStream({ partition: 'all' }))
      await Promise.all(writing)
      expect(numbers).to.deep.equal(Array.from({ length: 2 * size }, (_, number) => number))
      await group.drop()
    })
  })
}
