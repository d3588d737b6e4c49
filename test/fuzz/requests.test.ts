import { expect } from 'chai'
import fc from 'fast-check'
import {
  ByteStream,
  connect,
  DataframeStream,
  ParallelStream,
  RecordBatchStream,
  StreamCollection,
  tensor,
  type Client
} from 'vineyard-streams'
import { randomBatches } from '../support/arbitrary-batches.js'
import { onBothServers } from '../support/both-servers.js'
import { FrameProxy } from '../support/frame-proxy.js'
import { fuzzes, hostileJson } from '../support/fuzzing.js'
import { harmOf } from '../support/harm.js'

const oddText = fc.oneof(
  fc.constantFrom(
    '',
    '-',
    '0',
    '123',
    '__proto__',
    'signature',
    'typename',
    'id',
    '\ud800',
    '\udc00x',
    '\u0000',
    '[',
    '*'
  ),
  fc.constantFrom('o0000000000000000', 'o8000000000000000', 'offffffffffffffff', 'OABCDEF0123456789'),
  fc.string({ unit: 'binary', maxLength: 12 }),
  // With halves of surrogate pairs.
  fc.array(fc.nat(0xffff), { maxLength: 8 }).map(units => String.fromCharCode(...units))
)
const oddKey = fc.oneof(
  oddText,
  fc.constantFrom('signature', 'nbytes', 'global', 'transient', 'instance_id', '__name')
)
/** What somebody could pass that nobody should. */
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  hostileJson,
  fc.constantFrom(undefined, NaN, -0, Infinity, 2 ** 64, -(2n ** 70n), Symbol('odd'), () => 1, new Date(NaN)),
  fc.constantFrom(new Uint8Array(0), new Float64Array(3), new ArrayBuffer(0), Buffer.from('odd'), [
    '\ud800',
    1n,
    []
  ]),
  fc.dictionary(oddKey, fc.oneof(oddText, fc.integer(), hostileJson), { maxKeys: 3 }),
  randomBatches().map(({ batches }) => batches[0])
)

/** `text` is often a name or an id that could be right; everything else is `value`. */
interface Odd {
  text: string
  value: any
  key: string
  size: number
}
const odd: fc.Arbitrary<Odd> = fc.record({
  text: oddText,
  value: oddValue,
  key: oddKey,
  size: fc.oneof(fc.nat(5000), fc.constantFrom(0, -1, 0.5, NaN, 2 ** 40))
})

/** Every part of the public API that sends something. */
const calls: Record<string, (client: Client, odd: Odd) => Promise<unknown>> = {
  put: (client, { value }) => client.put(value),
  'put as': (client, { value, text }) =>
    client.put(value, { as: text === '' ? 'dataframe' : (text as never) }),
  'put tensor': async (client, { value, size }) => client.put(tensor(value as never, { shape: [size] })),
  'put list': (client, { value, text }) => client.put([value, text, [text]]),
  get: (client, { text }) => client.get(text),
  getMeta: (client, { value }) => client.getMeta(value as string),
  exists: (client, { text }) => client.exists(text),
  delete: (client, { text, value }) => client.delete([text, value as string], { force: true }),
  list: (client, { text, size }) => client.list({ pattern: text, regex: true, limit: size }),
  'list all': (client, { text }) => client.list({ pattern: text }),
  putName: async (client, { text }) => {
    const id = await client.put('named')
    await client.persist(id)
    await client.putName(id, text)
    await client.dropName(text)
  },
  'putName of nobody': (client, { text, value }) => client.putName(value as string, text),
  getName: (client, { value }) => client.getName(value as string),
  'getName waiting': (client, { text }) =>
    client.getName(text, { wait: true, signal: AbortSignal.timeout(2) }),
  dropName: (client, { text }) => client.dropName(text),
  listNames: (client, { text, size }) => client.listNames({ pattern: text, regex: true, limit: size }),
  persist: (client, { text }) => client.persist(text),
  migrate: (client, { text }) => client.migrate(text),
  fork: async client => (await client.fork()).close(),
  connect: async (client, { text, key }) =>
    (await connect(client.address, { username: text, password: key, timeout: 1000 })).close(),
  status: client => Promise.all([client.status(), client.clusterMeta()]),
  'RecordBatchStream.create': async (client, { text, key, value }) => {
    const stream = await RecordBatchStream.create(client, { name: text, params: { [key]: value } })
    await stream.drop()
  },
  'RecordBatchStream.open': (client, { text }) => RecordBatchStream.open(client, text),
  'ParallelStream.create': async (client, { text, key, value, size }) => {
    const options = { name: text, params: { [key]: value } }
    await (await ParallelStream.create(client, size % 3, RecordBatchStream, options)).drop()
  },
  'StreamCollection.create': async (client, { text, key, value }) => {
    const stream = await ByteStream.create(client)
    try {
      const options = { metadata: { [key]: value, text }, ...(text === '' ? {} : { name: text }) }
      await (await StreamCollection.create(client, [stream], options)).drop()
    } finally {
      await stream.drop()
    }
  },
  'StreamCollection.create of nothing': (client, { text, value }) =>
    StreamCollection.create(client, [{ id: text }, value] as never),
  ...Object.fromEntries(
    [RecordBatchStream, DataframeStream, ByteStream].map(Type => [
      `the ends of a ${Type.name}`,
      async (client: Client, { text, value, size }: Odd): Promise<void> => {
        const stream = await Type.create(client)
        const writer = await stream.openWriter()
        // Nobody reads, and there are ids that stand for more than the window takes.
        const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(20) })
        const attempts = [
          () => writer.append(value as never, soon()),
          () => writer.append(text as never, soon()),
          () => writer.allocate(size, soon()),
          () => writer.append(new Uint8Array(5) as never, soon()),
          () => writer.fail(value)
        ]
        for (const attempt of attempts) await attempt().catch(() => {})
        const reader = await stream.openReader().catch(() => undefined)
        await reader?.next().catch(() => {})
        await reader?.close()
        await stream.drop()
      }
    ])
  )
}

onBothServers('Whatever it is called with, a client', '64Mi', bench => {
  let proxy: FrameProxy
  let client: Client
  const harms = new Set<string>()

  before(async () => {
    proxy = new FrameProxy(bench.server.socket, {
      request: text => {
        const harm = harmOf(text)
        if (harm !== undefined) harms.add(harm)
      }
    })
    client = await connect(proxy.socket)
  })
  // For each connection that closes a vineyardd looks at all its objects: with 12,500 it takes 15 ms.
  afterEach(async () => {
    const left = await client.list()
    await client.delete(
      left.map(({ id }) => id),
      { force: true }
    )
  })
  after(async () => {
    await client.close()
    proxy.close()
  })

  for (const [name, call] of Object.entries(calls)) {
    fuzzes(
      `sends nothing that would harm a vineyardd: ${name}`,
      odd,
      async given => {
        // With which code each call refuses what is what other tests are about.
        await call(client, given).catch(() => {})
        expect([...harms]).to.deep.equal([])
        await client.status()
      },
      40
    )
  }
})
