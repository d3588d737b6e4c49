import { finished } from 'node:stream/promises'
import { expect } from 'chai'
import {
  connect,
  RecordBatchStream,
  release,
  type Client,
  type StreamReader,
  type StreamWriter
} from 'vineyard-streams'
import { numberedBatch } from '../support/numbered.js'
import { needsVineyard } from '../support/vineyardd.js'
import { kill, servers, type Victim } from '../support/victims.js'

/** What came of a call: what kind of value, or the code of the error. */
async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    const value = await work()
    if (value === undefined) return 'nothing'
    if (typeof value === 'string') return 'id'
    if (typeof value === 'object' && value !== null && 'done' in value) {
      const { done, value: chunk } = value as IteratorResult<unknown>
      release(chunk)
      return done === true ? 'done' : 'chunk'
    }
    if (Array.isArray(value)) {
      for (const chunk of value) release(chunk)
      return `${value.length} chunks`
    }
    return 'value'
  } catch (error) {
    return (error as { code?: string }).code?.replace('ERR_VINEYARD_', '') ?? String(error)
  }
}

/** Two clients of a server, and a stream between them. */
interface Scene {
  server: Victim
  producer: Client
  consumer: Client
  out: RecordBatchStream
  into: RecordBatchStream
}

/** Where one server tells sooner than the other, or what comes first is open, there are alternatives: 'a | b'. */
type Outcomes<State extends string> = Record<State, string>

/** Operations down, states across; each cell is what the documentation promises. */
type Table<State extends string, Subject> = Record<
  string,
  [operation: (subject: Subject) => Promise<unknown>, outcomes: Outcomes<State>]
>

type ReaderState = 'open' | 'ended' | 'failed' | 'dropped' | 'closed' | 'client closed' | 'server gone'
type WriterState = 'open' | 'finished' | 'failed' | 'dropped' | 'closed' | 'client closed' | 'server gone'
type ClientState = 'open' | 'closed' | 'server gone'

const readerStates: Record<ReaderState, (scene: Scene, reader: StreamReader) => Promise<unknown>> = {
  open: async ({ out }) => (await out.openWriter()).append(numberedBatch(0, 4096)),
  ended: async ({ out }, reader) => {
    await (await out.openWriter()).finish()
    await reader.next()
  },
  failed: async ({ out }) => (await out.openWriter()).fail(),
  dropped: async ({ out }) => out.drop(),
  closed: async (_, reader) => reader.close(),
  'client closed': async ({ consumer }) => consumer.close(),
  'server gone': async ({ server }) => kill(server)
}

const readerTable: Table<ReaderState, StreamReader> = {
  'next()': [
    reader => reader.next(),
    {
      open: 'chunk',
      ended: 'done',
      failed: 'STREAM_FAILED',
      dropped: 'STREAM_FAILED',
      closed: 'CLOSED',
      'client closed': 'CLOSED',
      'server gone': 'CONNECTION_LOST'
    }
  ],
  'nextId()': [
    reader => reader.nextId(),
    {
      open: 'id',
      ended: 'nothing',
      failed: 'STREAM_FAILED',
      dropped: 'STREAM_FAILED',
      closed: 'CLOSED',
      'client closed': 'CLOSED',
      'server gone': 'CONNECTION_LOST'
    }
  ],
  'next() with an aborted signal': [
    reader => reader.next({ signal: AbortSignal.abort() }),
    everywhere('ABORT_ERR')
  ],
  'return()': [reader => reader.return(), everywhere('done')],
  'close()': [reader => reader.close(), everywhere('nothing')]
}

const writerStates: Record<WriterState, (scene: Scene, writer: StreamWriter) => Promise<unknown>> = {
  open: async () => {},
  finished: async (_, writer) => writer.finish(),
  failed: async (_, writer) => writer.fail(),
  dropped: async ({ into }) => into.drop(),
  closed: async (_, writer) => writer.close(),
  'client closed': async ({ producer }) => producer.close(),
  'server gone': async ({ server }) => kill(server)
}

const afterTheEnd: Outcomes<WriterState> = {
  open: 'nothing',
  finished: 'CLOSED',
  failed: 'STREAM_FAILED',
  dropped: 'STREAM_FAILED',
  closed: 'CLOSED',
  'client closed': 'CLOSED',
  'server gone': 'CONNECTION_LOST'
}

const writerTable: Table<WriterState, StreamWriter> = {
  'append()': [writer => writer.append(numberedBatch(0, 4096)), { ...afterTheEnd, open: 'id' }],
  'append() of nonsense': [
    writer => writer.append(Symbol('nonsense')),
    { ...afterTheEnd, open: 'TYPE', dropped: 'STREAM_FAILED | TYPE' }
  ],
  'allocate()': [
    async writer => (await writer.allocate(4096)) && 'memory',
    { ...afterTheEnd, open: 'id', dropped: 'STREAM_FAILED | id' }
  ],
  'finish()': [writer => writer.finish(), { ...afterTheEnd, finished: 'nothing' }],
  'fail()': [writer => writer.fail(), everywhere('nothing')],
  'close()': [writer => writer.close(), everywhere('nothing')]
}

const clientStates: Record<ClientState, (scene: Scene) => Promise<unknown>> = {
  open: async () => {},
  closed: async ({ producer }) => producer.close(),
  'server gone': async ({ server }) => kill(server)
}

const afterTheClient: Outcomes<ClientState> = {
  open: 'value',
  closed: 'CLOSED',
  'server gone': 'CONNECTION_LOST'
}

const clientTable: Table<ClientState, Scene> = {
  'put()': [({ producer }) => producer.put('text'), { ...afterTheClient, open: 'id' }],
  'get()': [({ producer, out }) => producer.get(out.id), afterTheClient],
  'getMeta()': [({ producer, out }) => producer.getMeta(out.id), afterTheClient],
  'exists()': [({ producer, out }) => producer.exists(out.id), afterTheClient],
  'delete()': [({ producer, out }) => producer.delete(out.id), { ...afterTheClient, open: 'nothing' }],
  'list()': [async ({ producer }) => (await producer.list({ limit: 0 })).length, afterTheClient],
  'getName()': [({ producer }) => producer.getName('nobody'), { ...afterTheClient, open: 'NOT_FOUND' }],
  'getName() with wait': [
    ({ producer }) => producer.getName('nobody', { wait: true, signal: AbortSignal.timeout(5) }),
    { open: 'ABORT_ERR', closed: 'CLOSED', 'server gone': 'CONNECT' }
  ],
  'listNames()': [({ producer }) => producer.listNames(), afterTheClient],
  'clusterMeta()': [({ producer }) => producer.clusterMeta(), afterTheClient],
  'status()': [({ producer }) => producer.status(), afterTheClient],
  'fork()': [
    async ({ producer }) => (await producer.fork()).close(),
    { open: 'nothing', closed: 'CLOSED', 'server gone': 'CONNECT' }
  ],
  'create()': [({ producer }) => RecordBatchStream.create(producer), afterTheClient],
  'open()': [({ producer, out }) => RecordBatchStream.open(producer, out.id), afterTheClient],
  'openReader()': [
    async ({ out }) => (await out.openReader()).close(),
    { open: 'nothing', closed: 'CLOSED', 'server gone': 'CONNECT' }
  ],
  'openWriter()': [
    async ({ out }) => (await out.openWriter()).close(),
    { open: 'nothing', closed: 'CLOSED', 'server gone': 'CONNECT' }
  ],
  'createReadStream()': [
    ({ out }) => finished(out.createReadStream({ idleTimeout: 5 }).resume()),
    { open: 'TIMEOUT', closed: 'CLOSED', 'server gone': 'CONNECT' }
  ],
  'createWriteStream()': [
    ({ out }) => finished(out.createWriteStream().end()),
    { open: 'nothing', closed: 'CLOSED', 'server gone': 'CONNECT' }
  ],
  'stream.drop()': [({ out }) => out.drop(), { open: 'nothing', closed: 'CLOSED', 'server gone': 'CONNECT' }],
  'stats()': [
    async ({ producer }) => producer.stats(),
    { open: 'value', closed: 'value', 'server gone': 'value' }
  ],
  'close()': [
    ({ producer }) => producer.close(),
    { open: 'nothing', closed: 'nothing', 'server gone': 'nothing' }
  ]
}

function everywhere<State extends string>(one: string): Outcomes<State> {
  return new Proxy({}, { get: () => one }) as Outcomes<State>
}

for (const [name, start] of Object.entries(servers)) {
  describe(`What each call does in each state, with ${name}`, () => {
    let server: Victim | undefined

    before(function () {
      if (name !== 'the store') needsVineyard(this)
    })
    after(async () => {
      if (server === undefined) return
      await kill(server)
      await server.close()
    })

    async function scene(): Promise<Scene> {
      // One server serves until a state kills it.
      if (server?.process.signalCode !== null) {
        await server?.close()
        server = await start()
      }
      const [producer, consumer] = [await connect(server.socket), await connect(server.socket)]
      const out = await RecordBatchStream.create(producer)
      return { server, producer, consumer, out, into: await RecordBatchStream.open(consumer, out.id) }
    }

    /** Every operation in every state; all that differs is told at once. */
    async function check<State extends string, Subject>(
      table: Table<State, Subject>,
      states: Record<State, (scene: Scene, subject: Subject) => Promise<unknown>>,
      subjectOf: (scene: Scene) => Promise<Subject>
    ): Promise<void> {
      const seen: Record<string, string> = {}
      const wanted: Record<string, string> = {}
      for (const state of Object.keys(states) as State[]) {
        const rows = []
        for (const [operation, [run, outcomes]] of Object.entries(table)) {
          const one = await scene()
          rows.push({ operation, run, allowed: outcomes[state], one, subject: await subjectOf(one) })
        }
        for (const { one, subject } of rows) await states[state](one, subject)
        for (const { operation, run, allowed, one, subject } of rows) {
          const cell = `${operation} when ${state}`
          const came = await outcome(() => run(subject))
          seen[cell] = came
          wanted[cell] = allowed.split(' | ').includes(came) ? came : allowed
          await Promise.all([one.producer.close(), one.consumer.close()])
        }
      }
      expect(seen).to.deep.equal(wanted)
    }

    it('of a reader', () => check(readerTable, readerStates, ({ into }) => into.openReader()))

    it('of a writer', () => check(writerTable, writerStates, ({ out }) => out.openWriter()))

    it('of a client and its streams', () => check(clientTable, clientStates, async one => one))
  })
}
