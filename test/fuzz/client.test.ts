import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { objectIdFromBigInt } from '#dist/protocol/ids.js'
import { stringifyJson, type Stringifiable } from '#dist/protocol/json.js'
import { connect, RecordBatchStream, type Client } from 'vineyard-streams'
import { frame } from '../support/frame.js'
import { fuzzes, hostileJson } from '../support/fuzzing.js'
import { numberedBatch } from '../support/numbered.js'

/** What each request is answered with by a proper server, for lies that begin like the truth. */
const replies: Record<string, Record<string, unknown>> = {
  get_data_request: {
    type: 'get_data_reply',
    content: {
      o0000000000000005: { id: 'o0000000000000005', typename: 'vineyard::RecordBatchStream', instance_id: 0 }
    }
  },
  list_data_request: { type: 'get_data_reply', content: {} },
  exists_request: { type: 'exists_reply', exists: true },
  instance_status_request: { type: 'instance_status_reply', meta: {} },
  list_name_request: { type: 'list_name_reply', names: {}, size: 0 },
  get_name_request: { type: 'get_name_reply', object_id: 5 },
  create_datas_request: { type: 'create_datas_reply', ids: [5], signatures: [5], instance_ids: [0] },
  create_buffers_request: { type: 'create_buffers_reply', ids: [], payloads: [], fds: [] },
  get_buffers_request: { type: 'get_buffers_reply', payloads: [], fds: [] },
  create_buffer_request: {
    type: 'create_buffer_reply',
    id: 5,
    created: { object_id: 5, store_fd: 3, data_offset: 0, data_size: 8, map_size: 4096, pointer: 0 },
    fd: -1
  },
  shallow_copy_request: { type: 'shallow_copy_reply', target_id: 6 },
  migrate_object_request: { type: 'migrate_object_reply', object_id: 6 },
  pull_next_stream_chunk_request: { type: 'pull_next_stream_chunk_reply', chunk: 5 },
  // Every stream has an end.
  'drained pull_next_stream_chunk_request': { type: 'pull_next_stream_chunk_reply', code: 42 },
  pull_chunks_request: { type: 'pull_chunks_reply', chunks: [], templates: [], fd: -1, store_fd: 3 },
  write_chunks_request: { type: 'write_chunks_reply', ids: [] },
  cluster_meta: { type: 'cluster_meta', meta: {} }
}

/** Truth with some fields replaced, any JSON, or any bytes. */
type Answer = { fields: Record<string, unknown> } | { json: unknown } | { bytes: Uint8Array }
const names = [
  'content',
  'exists',
  'meta',
  'names',
  'object_id',
  'ids',
  'payloads',
  'fds',
  'fd',
  'chunks',
  'chunk',
  'created',
  'target_id',
  'templates',
  'code',
  'event',
  'id'
]
const truth: Answer = { fields: {} }
const lie: fc.Arbitrary<Answer> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .dictionary(fc.constantFrom(...names), hostileJson, { maxKeys: 3 })
      .map(fields => ({ fields }))
  },
  { weight: 1, arbitrary: hostileJson.map(json => ({ json })) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map(bytes => ({ bytes })) }
)

describe('A client of a hostile server', () => {
  let directory: string
  let server: Server
  let socket: string
  let answers: Answer[] = []
  /** Whether it says that it is an embedded store. */
  let extended = true
  const sockets = new Set<Socket>()

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vineyard-streams-'))
    socket = join(directory, 'hostile.sock')
    server = createServer(peer => {
      sockets.add(peer)
      peer.on('error', () => {})
      peer.on('close', () => sockets.delete(peer))
      let input = Buffer.alloc(0)
      let turn = 0
      let pulls = 0
      peer.on('data', (data: Buffer) => {
        input = Buffer.concat([input, data])
        while (input.length >= 8 && input.length >= 8 + Number(input.readBigUInt64LE())) {
          const end = 8 + Number(input.readBigUInt64LE())
          const type = /"type":"([a-z_]+)"/.exec(input.toString('latin1', 8, end))?.[1] ?? ''
          input = input.subarray(end)
          const drained = type === 'pull_next_stream_chunk_request' && ++pulls > 3
          peer.write(reply(drained ? `drained ${type}` : type, answers[turn++ % answers.length]!))
        }
      })
    })
    server.listen(socket)
    await once(server, 'listening')
  })
  after(async () => {
    for (const peer of sockets) peer.destroy()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })

  function reply(type: string, given: Answer): Buffer {
    if (type === 'register_request') {
      return frame(
        '{"type":"register_reply","instance_id":0,"version":"0.24.2","ipc_socket":"x","rpc_endpoint":"",' +
          `"session_id":0,"store_match":true${extended ? ',"vineyard_streams":1' : ''}}`
      )
    }
    if ('bytes' in given) return frame(given.bytes)
    if ('json' in given) return frame(stringifyJson(given.json as Stringifiable))
    const proper = replies[type] ?? { type: type.replace(/_request$/, '_reply') }
    return frame(stringifyJson({ ...proper, ...given.fields } as Stringifiable))
  }

  const id = objectIdFromBigInt(5n)
  const calls: Record<string, (client: Client) => Promise<unknown>> = {
    get: client => client.get(id),
    getMeta: client => client.getMeta(id),
    exists: client => client.exists(id),
    list: client => client.list(),
    listNames: client => client.listNames(),
    getName: client => client.getName('name'),
    status: client => client.status(),
    clusterMeta: client => client.clusterMeta(),
    put: client => client.put(Buffer.from('value')),
    create: client => RecordBatchStream.create(client),
    open: client => RecordBatchStream.open(client, id),
    delete: client => client.delete(id),
    persist: client => client.persist(id),
    migrate: client => client.migrate(id),
    putName: client => client.putName(id, 'name'),
    dropName: client => client.dropName('name'),
    fork: async client => (await client.fork()).close()
  }

  /** Of a stream, which takes many requests; only a signal ends the wait for a chunk that never comes. */
  const onStreams: Record<string, (stream: RecordBatchStream, signal: AbortSignal) => Promise<unknown>> = {
    next: async (stream, signal) => (await stream.openReader()).next({ signal }),
    createReadStream: (stream, signal) => stream.createReadStream({ signal }).toArray(),
    append: async (stream, signal) => (await stream.openWriter()).append(numberedBatch(0, 1024), { signal }),
    finish: async stream => (await stream.openWriter()).finish(),
    fail: async stream => (await stream.openWriter()).fail('for a reason'),
    drop: stream => stream.drop()
  }
  for (const [name, call] of Object.entries(onStreams)) {
    calls[name] = async client => call(await RecordBatchStream.open(client, id), AbortSignal.timeout(200))
  }

  /** What a call fails with has a code. */
  async function attempt(
    call: (client: Client) => Promise<unknown>,
    given: Answer[],
    codes = /^ERR_VINEYARD_/
  ): Promise<void> {
    answers = given
    const client = await connect(socket, { timeout: 500 })
    try {
      await call(client)
    } catch (error) {
      expect((error as { code?: string }).code, String((error as Error).stack)).to.match(codes)
    } finally {
      await client.close()
    }
  }

  for (const kind of ['store', 'vineyardd']) {
    describe(`that says it is a ${kind}`, () => {
      before(() => {
        extended = kind === 'store'
      })
      for (const [name, call] of Object.entries(calls)) {
        fuzzes(
          `gets an error or a value of ${name}()`,
          // True ones first, or hardly anything would get as far as a chunk.
          fc
            .tuple(fc.nat(8), fc.array(lie, { minLength: 1, maxLength: 5 }))
            .map(([before, lies]) => [...Array.from({ length: before }, () => truth), ...lies]),
          given => attempt(call, given, name in onStreams ? /^(ERR_VINEYARD_|ABORT_ERR$)/ : undefined),
          40
        )
      }
    })
  }

  it('gets an error or a value of any of them where an object has no text', async () => {
    const nameless = { toString: null, valueOf: null }
    const keys = ['type', 'code', 'message', 'object_id', 'id', 'exists', 'deployment', 'typename', 'content']
    for (const call of Object.values(calls)) {
      for (const key of keys) await attempt(call, [{ fields: { [key]: nameless } }])
    }
  })
})
