import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { finished } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import {
  connect,
  ParallelStream,
  RecordBatchStream,
  release,
  Store,
  StreamCollection,
  type StreamReader,
  type StreamWriter,
  type TypedReadable,
  type TypedWritable
} from 'vineyard-streams'
import { numberedBatch } from '../support/numbered.js'
import { everywhere, outcome, tableText, type Table } from '../support/outcome.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { kill, servers, type Victim } from '../support/victims.js'
import { needsVineyard } from '../support/vineyardd.js'
import type {
  clientStates,
  groupStates,
  readerStates,
  readStreamStates,
  streamStates,
  writerStates,
  writeStreamStates
} from './state-tables.js'
import {
  clientTable,
  groupTable,
  readerTable,
  readStreamTable,
  streamTable,
  writerTable,
  writeStreamTable,
  type Scene
} from './state-tables.js'

/** One operation of a table about to be tried. */
interface Row<Subject> {
  scene: Scene
  subject: Subject
  /** Lets the waits of this row end, after the operation was called. */
  resume?: () => Promise<unknown>
}

/** Brings the subjects of all rows into a state. */
type Enter<Subject> = (rows: Row<Subject>[]) => Promise<unknown>

function each<Subject>(enter: (row: Row<Subject>) => Promise<unknown>): Enter<Subject> {
  return async rows => {
    for (const row of rows) await enter(row)
  }
}

const batch = (): ReturnType<typeof numberedBatch> => numberedBatch(0, 4096)

/** Appends three chunks and ends the stream. */
async function writeAll({ out }: Scene): Promise<void> {
  const writer = await out.openWriter()
  for (let count = 0; count < 3; count += 1) await writer.append(batch())
  await writer.finish()
}

async function readAll({ into }: Scene): Promise<void> {
  for await (const chunk of await into.openReader()) release(chunk)
}

function closed(stream: TypedReadable<unknown> | TypedWritable<unknown>): Promise<void> {
  return finished(stream).catch(() => {})
}

const storeStates = ['open', 'closing', 'closed'] as const
const storeTable: Table<(typeof storeStates)[number], Store> = {
  'status()': [store => store.status(), { open: 'value', closing: 'CLOSED', closed: 'CLOSED' }],
  'ref()': [async store => store.ref(), everywhere(storeStates, 'nothing')],
  'unref()': [async store => store.unref(), everywhere(storeStates, 'nothing')],
  'connect() to it': [
    async store => (await connect(store.socket)).close(),
    { open: 'nothing', closing: 'CONNECT | CONNECTION_LOST', closed: 'CONNECT' }
  ],
  'close()': [store => store.close(), everywhere(storeStates, 'nothing')],
  'close() without draining': [store => store.close({ drain: 0 }), everywhere(storeStates, 'nothing')],
  '[Symbol.asyncDispose]()': [store => store[Symbol.asyncDispose](), everywhere(storeStates, 'nothing')]
}

const documentation = new URL('../../../docs/states.md', import.meta.url)
const introduction = `# What each call does in each state

Every cell is tried by \`test/lifetime/state-tables.ts\`, on the embedded store and on a vineyardd, and this page is made of
that file: \`VINEYARD_WRITE_STATES=1 npx mocha --no-config build/test/lifetime/states.test.js\` writes it. Codes are those
of \`VineyardError\` without \`ERR_VINEYARD_\`; ABORT_ERR is Node's AbortError, and \`ERR_STREAM_…\` are Node's own. Where one
server tells sooner than the other there are two outcomes.

- *peer gone*: the process at the other end of the stream was killed. On a vineyardd that is noticed within 3 s in the same
  pid namespace, within 6 s otherwise.
- *server gone*: the server was killed.
- *waiting*: another call of the same object waits, for a chunk or for its window; *before open*: the stream was created in
  this turn of the event loop.
- *peer gone*, of a stream object: its reader was. A store tells whoever comes then that the stream has failed.
- A server that says nothing any more, without being gone: every call that takes a signal ends with it, closing and destroying
  end within 3 s, and a timeout of the client ends its other calls with TIMEOUT
  (\`test/lifetime/silent-servers.test.ts\`, where it is also tried what ends when a connection of the client is lost).
- *failed*: the other end, or this one, called \`fail()\`, or closed before the end.
`
const chapters: [title: string, table: Table<string, never>][] = [
  ['A client', clientTable],
  ['A stream object', streamTable],
  ['A group: ParallelStream, StreamCollection', groupTable],
  ['A reader: `stream.openReader()`', readerTable],
  ['A writer: `stream.openWriter()`', writerTable],
  ['A read stream: `stream.createReadStream()`', readStreamTable],
  ['A write stream: `stream.createWriteStream()`', writeStreamTable],
  ['A store', storeTable]
]

/** What the types do not show to users. */
const internal = [
  'at',
  'connectReader',
  'connectWriter',
  'encoder',
  'nextChunk',
  'onFailed',
  'removeSocket',
  'tryNextChunk',
  'tryWrite',
  'write'
]

/** Methods of an object's classes up to `base`. */
function methodsOf(object: object): string[] {
  const names = new Set<string>()
  for (
    let proto: object = Object.getPrototypeOf(object);
    proto !== Object.prototype;
    proto = Object.getPrototypeOf(proto)
  ) {
    for (const key of Reflect.ownKeys(proto)) {
      const { value } = Object.getOwnPropertyDescriptor(proto, key)!
      if (typeof value === 'function' && key !== 'constructor')
        names.add(typeof key === 'symbol' ? `[${key.description?.replace('nodejs.', 'Symbol.')}]` : key)
    }
  }
  return [...names].filter(name => !internal.includes(name))
}

it('has a row for every method', async () => {
  const store = await Store.start({ size: '1Mi' })
  const client = await connect(store.socket)
  const stream = await RecordBatchStream.create(client)
  const [reader, writer] = [await stream.openReader(), await stream.openWriter()]
  const group = await ParallelStream.create(client, 1, RecordBatchStream)
  const tables: [object, Table<string, never>][] = [
    [client, clientTable],
    [stream, streamTable],
    [reader, readerTable],
    [writer, writerTable],
    [group, groupTable],
    [store, storeTable]
  ]
  const missing = tables.flatMap(([object, table]) => {
    const rows = Object.keys(table).map(row => row.replace(/\(.*/, ''))
    return methodsOf(object)
      .filter(method => !rows.includes(method))
      .map(method => `${object.constructor.name}.${method}`)
  })
  await client.close()
  await store.close()
  // What `for await` calls.
  expect(missing).to.deep.equal(['StreamReader.[Symbol.asyncIterator]'])
})

it('docs/states.md is what the tables say', () => {
  const text = [introduction, ...chapters.map(([title, table]) => tableText(title, table))].join('\n')
  if (process.env['VINEYARD_WRITE_STATES'] === '1') writeFileSync(documentation, text)
  expect(existsSync(documentation) ? readFileSync(documentation, 'utf8') : '').to.equal(text)
})

for (const [name, start] of Object.entries(servers)) {
  describe(`What each call does in each state, with ${name}`, function () {
    let server: Victim | undefined
    let names = 0

    before(function () {
      if (name !== 'the store') needsVineyard(this)
    })
    afterEach(endProcesses)
    after(async () => {
      if (server === undefined) return
      await kill(server)
      await server.close()
    })

    async function makeScene(): Promise<Scene> {
      // One server serves until a state kills it.
      if (server?.process.signalCode !== null) {
        await server?.close()
        server = await start()
      }
      const [producer, consumer] = [await connect(server.socket), await connect(server.socket)]
      const out = await RecordBatchStream.create(producer)
      const object = await producer.put('named')
      const given = `states/${(names += 1)}`
      await producer.persist(object)
      await producer.putName(object, given)
      return {
        producer,
        consumer,
        out,
        into: await RecordBatchStream.open(consumer, out.id),
        object,
        name: given
      }
    }

    const killServer: Enter<unknown> = () => kill(server!)

    /** Another process takes the other end of all streams, and is killed. `notice` waits until it has been noticed. */
    function killPeer<Subject>(
      end: 'reader' | 'writer',
      notice: (subject: Subject) => Promise<unknown>
    ): Enter<Subject> {
      return async rows => {
        const streams = rows.map(({ scene }) => scene.out.id)
        const peer = new TestProcess('taker', { socket: server!.socket, end, streams })
        await peer.next()
        await peer.kill()
        await Promise.all(rows.map(({ subject }) => notice(subject)))
      }
    }

    /** Every operation in every state; all that differs is told at once. */
    async function check<State extends string, Subject>(
      table: Table<State, Subject>,
      states: Record<State, Enter<Subject>>,
      subjectOf: (scene: Scene) => Promise<Subject> | Subject
    ): Promise<void> {
      const seen: Record<string, string> = {}
      const wanted: Record<string, string> = {}
      for (const [state, enter] of Object.entries(states) as [State, Enter<Subject>][]) {
        const rows: Row<Subject>[] = []
        const operations = Object.entries(table)
        for (let count = 0; count < operations.length; count += 1) {
          const scene = await makeScene()
          rows.push({ scene, subject: await subjectOf(scene) })
        }
        await enter(rows)
        for (const [index, [operation, [run, outcomes]]] of operations.entries()) {
          const { scene, subject, resume } = rows[index]!
          const cell = `${operation} when ${state}`
          const coming = outcome(() => run(subject))
          const resumed = resume?.().catch(() => {})
          const watchdog = new AbortController()
          const came = await Promise.race([
            coming,
            delay(10_000, 'does not end', { signal: watchdog.signal }).catch(() => 'ended')
          ])
          watchdog.abort()
          seen[cell] = came
          wanted[cell] = outcomes[state].split(' | ').includes(came) ? came : outcomes[state]
          await Promise.all([scene.producer.close(), scene.consumer.close(), resumed])
        }
      }
      expect(seen).to.deep.equal(wanted)
    }

    it('of a client', () =>
      check<(typeof clientStates)[number], Scene>(
        clientTable,
        {
          open: async () => {},
          waiting: each(async row => {
            row.scene.producer.getName('never', { wait: true }).catch(() => {})
          }),
          closed: each(({ scene }) => scene.producer.close()),
          'server gone': killServer
        },
        scene => scene
      ))

    it('of a stream object', () =>
      check<(typeof streamStates)[number], RecordBatchStream>(
        streamTable,
        {
          open: async () => {},
          'both ends taken': each(async ({ scene }) => [
            await scene.into.openReader(),
            await scene.into.openWriter()
          ]),
          ended: each(async ({ scene }) => {
            await writeAll(scene)
            await readAll(scene)
          }),
          failed: each(async ({ scene }) => (await scene.into.openWriter()).fail()),
          dropped: each(({ scene }) => scene.into.drop()),
          'client closed': each(({ scene }) => scene.producer.close()),
          'peer gone': killPeer('reader', async () => {}),
          'server gone': killServer
        },
        ({ out }) => out
      ))

    for (const Group of [ParallelStream, StreamCollection]) {
      it(`of a ${Group.name}`, () =>
        check<(typeof groupStates)[number], ParallelStream<RecordBatchStream> | StreamCollection>(
          groupTable,
          {
            open: async () => {},
            'both ends taken': each(async ({ scene, subject }) => {
              const [member] = (await scene.consumer.get<ParallelStream<RecordBatchStream>>(subject.id))
                .streams
              await Promise.all([member!.openReader(), member!.openWriter()])
            }),
            dropped: each(async ({ scene, subject }) =>
              (await scene.consumer.get<ParallelStream<RecordBatchStream>>(subject.id)).drop()
            ),
            'client closed': each(({ scene }) => scene.producer.close()),
            'server gone': killServer
          },
          async ({ producer }) =>
            Group === ParallelStream
              ? ParallelStream.create(producer, 2, RecordBatchStream)
              : StreamCollection.create(producer, [await RecordBatchStream.create(producer)])
        ))
    }

    it('of a reader', async function () {
      this.timeout(60_000)
      await check<(typeof readerStates)[number], StreamReader>(
        readerTable,
        {
          open: each(async ({ scene }) => (await scene.out.openWriter()).append(batch())),
          waiting: each(async row => {
            row.subject.next().then(
              ({ value }) => release(value),
              () => {}
            )
            row.resume = () => writeAll(row.scene)
          }),
          ended: each(async ({ scene, subject }) => {
            await (await scene.out.openWriter()).finish()
            await subject.next()
          }),
          failed: each(async ({ scene }) => (await scene.out.openWriter()).fail()),
          dropped: each(({ scene }) => scene.out.drop()),
          closed: each(({ subject }) => subject.close()),
          'client closed': each(({ scene }) => scene.consumer.close()),
          'peer gone': killPeer('writer', async () => {}),
          'server gone': killServer
        },
        ({ into }) => into.openReader()
      )
    })

    it('of a writer', async function () {
      this.timeout(60_000)
      await check<(typeof writerStates)[number], StreamWriter>(
        writerTable,
        {
          open: async () => {},
          waiting: each(async row => {
            const { subject, scene } = row
            await subject.append(batch())
            subject.append(batch()).catch(() => {})
            row.resume = () => readAll(scene)
          }),
          finished: each(({ subject }) => subject.finish()),
          failed: each(({ subject }) => subject.fail()),
          dropped: each(({ scene }) => scene.into.drop()),
          closed: each(({ subject }) => subject.close()),
          'client closed': each(({ scene }) => scene.producer.close()),
          'peer gone': killPeer('reader', subject =>
            Promise.allSettled([subject.append(batch()), subject.append(batch())])
          ),
          'server gone': killServer
        },
        ({ out }) => out.openWriter(undefined, { window: { chunks: 1 } })
      )
    })

    it('of a read stream', async function () {
      this.timeout(60_000)
      const opened = ({ subject }: Row<TypedReadable<unknown>>): void => void subject.on('error', () => {})
      await check<(typeof readStreamStates)[number], TypedReadable<unknown>>(
        readStreamTable,
        {
          'before open': each(async row => {
            opened(row)
            row.resume = () => writeAll(row.scene)
          }),
          open: each(async row => {
            opened(row)
            await writeAll(row.scene)
            await new Promise(resolve => row.subject.once('readable', resolve))
          }),
          waiting: each(async row => {
            opened(row)
            row.subject.read()
            row.resume = () => writeAll(row.scene)
          }),
          ended: each(async row => {
            await writeAll(row.scene)
            for (const chunk of await row.subject.toArray()) release(chunk)
            await closed(row.subject)
          }),
          failed: each(async row => {
            opened(row)
            await (await row.scene.out.openWriter()).fail()
            await closed(row.subject.resume())
          }),
          dropped: each(async row => {
            opened(row)
            await row.scene.out.drop()
            await closed(row.subject.resume())
          }),
          destroyed: each(async row => {
            row.subject.destroy()
            await closed(row.subject)
          }),
          'client closed': each(async row => {
            opened(row)
            await row.scene.consumer.close()
          }),
          'peer gone': killPeer('writer', async subject => {
            subject.on('error', () => {})
            await closed(subject.resume())
          }),
          'server gone': async rows => {
            rows.forEach(opened)
            await killServer(rows)
          }
        },
        ({ into }) => into.createReadStream()
      )
    })

    it('of a write stream', async function () {
      this.timeout(60_000)
      const opened = async ({ subject }: Row<TypedWritable<unknown>>): Promise<void> => {
        subject.on('error', () => {})
        await new Promise(resolve => subject.write(batch(), resolve))
      }
      await check<(typeof writeStreamStates)[number], TypedWritable<unknown>>(
        writeStreamTable,
        {
          'before open': each(async row => {
            row.subject.on('error', () => {})
            row.resume = () => readAll(row.scene)
          }),
          open: each(async row => {
            await opened(row)
            row.resume = () => readAll(row.scene)
          }),
          waiting: each(async row => {
            await opened(row)
            row.subject.write(batch())
            row.resume = () => readAll(row.scene)
          }),
          finished: each(async ({ subject }) => finished(subject.end())),
          failed: each(async row => {
            await opened(row)
            await (await row.scene.into.openReader()).close()
            row.subject.write(batch())
            await closed(row.subject)
          }),
          dropped: each(async row => {
            await opened(row)
            await row.scene.into.drop()
            row.subject.write(batch())
            await closed(row.subject)
          }),
          destroyed: each(async ({ subject }) => {
            subject.destroy()
            await closed(subject)
          }),
          'client closed': each(async row => {
            await opened(row)
            await row.scene.producer.close()
            await closed(row.subject)
          }),
          'peer gone': async rows => {
            for (const row of rows) await opened(row)
            await killPeer<TypedWritable<unknown>>('reader', closed)(rows)
          },
          'server gone': async rows => {
            for (const row of rows) await opened(row)
            await killServer(rows)
            await Promise.all(rows.map(({ subject }) => closed(subject)))
          }
        },
        ({ out }) => out.createWriteStream({ window: { chunks: 1 } })
      )
    })
  })
}

it('What each call of a store does in each state', async () => {
  const seen: Record<string, string> = {}
  const wanted: Record<string, string> = {}
  for (const state of storeStates) {
    for (const [operation, [run, outcomes]] of Object.entries(storeTable)) {
      const store = await Store.start({ size: '1Mi' })
      const closing = state === 'open' ? undefined : store.close()
      if (state === 'closed') await closing
      const cell = `${operation} when ${state}`
      const came = await outcome(() => run(store))
      seen[cell] = came
      wanted[cell] = outcomes[state].split(' | ').includes(came) ? came : outcomes[state]
      await store.close()
    }
  }
  expect(seen).to.deep.equal(wanted)
})
