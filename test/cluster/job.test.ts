import type { Readable } from 'node:stream'
import { expect } from 'chai'
import { connect, ParallelStream, release, type Client, type RecordBatchStream } from 'vineyard-streams'
import { Cluster } from '../support/cluster.js'
import { runExample } from '../support/example.js'
import { eventually, memoryReturns } from '../support/settling.js'
import { needsVineyard } from '../support/vineyardd.js'

/** How a program ended that was to fail. */
interface Failure {
  code: number | null
  signal: string | null
  stderr: string
}

/** Resolves when `words` have come so many times. */
function said(output: Readable | null, words: string, times = 1): Promise<void> {
  let text = ''
  return new Promise(resolve =>
    output?.on('data', piece => {
      text += String(piece)
      if (text.split(words).length > times) resolve()
    })
  )
}

const whole = 'instance 0: 30 batches\ninstance 1: 30 batches\ntotal 17999970.0\n'

describe('The batch job of examples/', () => {
  let cluster: Cluster
  let clients: [Client, Client]
  const start = (index: number, ...args: string[]): ReturnType<typeof runExample> =>
    runExample('cluster-job.js', args, {
      VINEYARD_IPC_SOCKET: cluster.instances[index]?.socket,
      NODE_DEBUG: 'vineyard'
    })
  const failure = (job: Promise<unknown>): Promise<Failure> =>
    job.then(
      () => expect.fail('it did not fail'),
      (error: Failure) => error
    )
  /** Whatever became of the run before, this one completes, and nothing is left of either. */
  const completes = async (producer = start(0, 'producer', 'job')): Promise<void> => {
    const consumers = [start(0, 'consumer', 'job'), start(1, 'consumer', 'job')]
    expect((await producer).stdout).to.equal(whole)
    for (const { stdout } of await Promise.all(consumers)) expect(stdout).to.equal('read 30 batches\n')
    await leavesNothing()
  }
  const leavesNothing = async (): Promise<void> => {
    for (const client of clients) {
      expect(await client.listNames()).to.deep.equal({})
      await memoryReturns(client, 0)
    }
  }

  before(async function () {
    needsVineyard(this)
    cluster = await Cluster.start(2)
  })
  beforeEach(async () => {
    clients = (await Promise.all(cluster.instances.map(({ socket }) => connect(socket)))) as typeof clients
  })
  afterEach(() => Promise.all(clients.map(client => client.close())))
  after(() => cluster?.close())

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143]
  ] as const) {
    it(`removes its streams on ${signal}, to whichever of its processes, and can be run again`, async () => {
      const producer = start(0, 'producer', 'job')
      await clients[0].getName('job', { wait: true })
      producer.child.kill(signal)
      expect(await failure(producer)).to.deep.include({ code, signal: null })
      await leavesNothing()
      const consumer = start(1, 'consumer', 'job')
      // It says what it asks for: the job, again and again.
      await said(consumer.child.stderr, 'get_name_request')
      consumer.child.kill(signal)
      expect(await failure(consumer)).to.deep.include({ code, signal: null })
      await completes()
    })
  }

  it('can be run again after its producer was killed', async () => {
    const killed = start(0, 'producer', 'job')
    // Everything, on both instances: what it was just writing might stay for ever.
    const written = said(killed.child.stderr, 'stop_stream_request took', 2)
    const before = await clients[0].getName('job', { wait: true })
    await written
    killed.child.kill('SIGKILL')
    expect(await failure(killed)).to.deep.include({ signal: 'SIGKILL' })
    const producer = start(1, 'producer', 'job')
    await eventually(async () => (await clients[0].getName('job')) !== before, 'the next run to begin')
    await completes(producer)
  })

  it('ends when it is begun anew, and with a code when a consumer dies that has read everything', async () => {
    const first = failure(start(0, 'producer', 'job'))
    const before = await clients[0].getName('job', { wait: true })
    const producer = failure(start(0, 'producer', 'job'))
    expect((await first).stderr).to.include("code: 'ERR_VINEYARD_STREAM_FAILED'")
    await eventually(
      async () => (await clients[0].getName('job', { wait: true })) !== before,
      'the next run to begin'
    )
    // As a consumer does.
    const work = await ParallelStream.open<RecordBatchStream>(clients[1], 'job', { wait: true })
    const results = await clients[1].get<ParallelStream>(work.streams[0]?.params['results'] as string)
    const writer = await (results.localStreams[0] as RecordBatchStream).openWriter()
    let count = 0
    for await (const batch of work.createReadStream()) count += Number(release(batch))
    expect(count).to.equal(30)
    await writer.close()
    expect(await producer).to.include({ code: 1 })
    expect((await producer).stderr).to.include("code: 'ERR_VINEYARD_STREAM_FAILED'")
    await leavesNothing()
  })

  it('ends with a code when it takes longer than it may', async () => {
    const { code, stderr } = await failure(start(0, 'producer', 'job', '1'))
    expect(code).to.equal(1)
    expect(stderr).to.include("code: 'ABORT_ERR'").and.to.include('TimeoutError')
    await leavesNothing()
  })

  it('is a producer or a consumer, and nothing that every object has', async () => {
    for (const role of ['', 'toString', '__proto__', 'constructor']) {
      const { code, stderr } = await failure(start(0, role))
      expect(code).to.equal(1)
      expect(stderr).to.include('say whether this is the producer or a consumer')
    }
  })
})
