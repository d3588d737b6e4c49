import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import {
  ByteStream,
  DataframeStream,
  receive,
  RecordBatchStream,
  release,
  share,
  type Client,
  type SharedChunk
} from 'vineyard-streams'
import { onBothServers } from '../support/both-servers.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { rejection } from '../support/rejection.js'
import { eventually, memoryReturns } from '../support/settling.js'

const bytes = 2 ** 20
const count = 4

type How = 'ends' | 'is terminated'

/** The stream types, with chunks that carry a number. */
const kinds = [
  {
    name: 'ByteStream',
    create: (client: Client) => ByteStream.create(client),
    make: (number: number) => Buffer.alloc(bytes, number),
    read: (chunk: any) => ((chunk as Buffer).every(byte => byte === chunk[0]) ? chunk[0] : NaN) as number
  },
  ...[RecordBatchStream, DataframeStream].map(Type => ({
    name: Type.name,
    create: (client: Client) => Type.create(client),
    make: (number: number) => numberedBatch(number, bytes),
    read: (chunk: any) => numberOf(chunk as RecordBatch)
  }))
] as const

onBothServers('Chunks of a worker that has ended', '64Mi', bench => {
  const workers: Worker[] = []
  let client: Client
  beforeEach(async () => {
    client = await bench.client()
  })
  afterEach(() => Promise.all(workers.splice(0).map(worker => worker.terminate())))

  function start(file: string, workerData: object = {}): Worker {
    const worker = new Worker(new URL(`./processes/${file}.js`, import.meta.url), { workerData })
    workers.push(worker)
    return worker
  }

  function startSharing(stream: string, how: How): Worker {
    return start('sharing-worker', {
      socket: bench.server.socket,
      stream,
      stay: how === 'is terminated'
    })
  }

  async function written(kind: (typeof kinds)[number] = kinds[1]!, chunks = count): Promise<string> {
    const stream = await kind.create(client)
    const writer = await stream.openWriter()
    for (let number = 0; number < chunks; number += 1) await writer.append(kind.make(number) as never)
    await writer.finish()
    return stream.id
  }

  /** What a worker shared of a stream, once it has ended. */
  async function sharedBy<T>(stream: string, how: How, take: (shared: SharedChunk) => T): Promise<T[]> {
    const taken: T[] = []
    const worker = startSharing(stream, how)
    const exited = once(worker, 'exit')
    await new Promise<void>(resolve => {
      worker.on('message', (shared: SharedChunk | 'read') => {
        if (shared === 'read') resolve()
        else taken.push(take(shared))
      })
    })
    if (how === 'is terminated') await worker.terminate()
    await exited
    return taken
  }

  /** Whoever comes next cleans up, and writes. */
  async function othersWrite(): Promise<void> {
    const other = await bench.client()
    const stream = await ByteStream.create(other)
    const writer = await stream.openWriter()
    for (let number = 0; number < 2 * count; number += 1) await writer.append(Buffer.alloc(bytes, 99))
    await writer.close()
    await stream.drop()
  }

  const leases = async (): Promise<number> => {
    if (bench.subject.store) return 0
    return (await client.list({ pattern: 'vineyard::NodeLease' })).length
  }

  const drop = async (id: string): Promise<void> => (await client.get<ByteStream>(id)).drop()

  async function nothingIsLeft(memoryUsage: number): Promise<void> {
    await eventually(async () => (await leases()) === 0, 'the leases of the worker')
    await memoryReturns(client, memoryUsage)
  }

  for (const kind of kinds) {
    for (const how of ['ends', 'is terminated'] as const) {
      it(`stay intact when it ${how}, and go back (${kind.name})`, async () => {
        const { memoryUsage } = await client.status()
        const id = await written(kind)
        const held = await sharedBy(id, how, shared => receive<object>(shared))
        await othersWrite()
        await othersWrite()
        expect(held.map(kind.read)).to.deep.equal([0, 1, 2, 3])
        for (const chunk of held) release(chunk)
        await drop(id)
        await nothingIsLeft(memoryUsage)
      })
    }
  }

  it('can be received after it has come to its end', async () => {
    const { memoryUsage } = await client.status()
    const id = await written()
    const shared = await sharedBy(id, 'ends', shared => shared)
    await othersWrite()
    const held = shared.map(one => receive<RecordBatch>(one))
    await othersWrite()
    expect(held.map(numberOf)).to.deep.equal([0, 1, 2, 3])
    for (const chunk of held) release(chunk)
    await drop(id)
    await nothingIsLeft(memoryUsage)
  })

  it('are refused where it was terminated before they were received', async () => {
    const { memoryUsage } = await client.status()
    const id = await written()
    const shared = await sharedBy(id, 'is terminated', shared => shared)
    for (const one of shared)
      expect(() => receive(one))
        .to.throw()
        .with.property('code', 'ERR_VINEYARD_RELEASED')
    await drop(id)
    // A vineyardd does not notice: the next client does.
    await bench.client()
    await nothingIsLeft(memoryUsage)
  })

  it('stay intact in a third thread, whichever of the others has ended', async () => {
    const third = start('receiving-worker')
    const held = await sharedBy(await written(), 'is terminated', shared => receive<RecordBatch>(shared))
    for (const [number, chunk] of held.entries()) {
      const shared = share(chunk)
      const answer = once(third, 'message')
      third.postMessage(shared, [shared.port])
      expect(await answer).to.deep.equal([number])
      release(chunk)
    }
    await othersWrite()
    const answer = once(third, 'message')
    third.postMessage('again')
    expect(await answer).to.deep.equal([[0, 1, 2, 3]])
  })

  it('stay intact in a third thread when the one between has ended', async () => {
    const before = client.stats().leasedBytes
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    await writer.append(numberedBatch(7, bytes))
    const chunk = (await (await stream.openReader()).next()).value as RecordBatch
    const between = start('passing-worker')
    const first = share(chunk)
    release(chunk)
    between.postMessage(first, [first.port])
    const [passed] = (await once(between, 'message')) as [SharedChunk]
    const third = start('receiving-worker')
    const answer = once(third, 'message')
    third.postMessage(passed, [passed.port])
    expect(await answer).to.deep.equal([7])
    await between.terminate()
    await othersWrite()
    const again = once(third, 'message')
    third.postMessage('again')
    expect(await again).to.deep.equal([[7]])
    expect(client.stats().leasedBytes).to.equal(before + bytes)
    third.postMessage('release')
    await eventually(() => client.stats().leasedBytes === before, 'the lease of the third thread')
  })

  it('do not keep its end from the writer', async () => {
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    await writer.append(numberedBatch(0, bytes))
    const worker = startSharing(stream.id, 'is terminated')
    const [shared] = (await once(worker, 'message')) as [SharedChunk]
    const held = receive<RecordBatch>(shared)
    await worker.terminate()
    const writing = async (): Promise<void> => {
      for (;;) await writer.append(numberedBatch(99, bytes))
    }
    expect(await rejection(writing())).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
    await othersWrite()
    expect(numberOf(held)).to.equal(0)
    release(held)
  })
})
