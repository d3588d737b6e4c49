import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { stringifyJson, type Stringifiable } from '#dist/protocol/json.js'
import { connect, RecordBatchStream, type Client } from 'vineyard-streams'
import { frame } from '../support/frame.js'
import { fuzzes, hostileJson } from '../support/fuzzing.js'

/** What each request is answered with by a proper server, for lies that begin like the truth. */
const replies: Record<string, Record<string, unknown>> = {
  get_data_request: { type: 'get_data_reply', content: {} },
  exists_request: { type: 'exists_reply', exists: true },
  instance_status_request: { type: 'instance_status_reply', meta: {} },
  list_name_request: { type: 'list_name_reply', names: {}, size: 0 },
  get_name_request: { type: 'get_name_reply', object_id: 5 },
  create_datas_request: { type: 'create_datas_reply', ids: [5], signatures: [5], instance_ids: [0] },
  create_buffers_request: { type: 'create_buffers_reply', ids: [], payloads: [], fds: [] },
  get_buffers_request: { type: 'get_buffers_reply', payloads: [], fds: [] },
  create_stream_request: { type: 'create_stream_reply' },
  open_stream_request: { type: 'open_stream_reply' },
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
  'templates',
  'code',
  'event',
  'id'
]
const answer: fc.Arbitrary<Answer> = fc.oneof(
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
      peer.on('data', (data: Buffer) => {
        input = Buffer.concat([input, data])
        while (input.length >= 8 && input.length >= 8 + Number(input.readBigUInt64LE())) {
          const end = 8 + Number(input.readBigUInt64LE())
          const type = /"type":"([a-z_]+)"/.exec(input.toString('latin1', 8, end))?.[1] ?? ''
          input = input.subarray(end)
          peer.write(reply(type, answers[turn++ % answers.length]!))
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
          '"session_id":0,"store_match":true,"vineyard_streams":1}'
      )
    }
    if ('bytes' in given) return frame(given.bytes)
    if ('json' in given) return frame(stringifyJson(given.json as Stringifiable))
    return frame(stringifyJson({ ...replies[type], ...given.fields } as Stringifiable))
  }

  const calls: Record<string, (client: Client) => Promise<unknown>> = {
    get: client => client.get('o0000000000000005'),
    getMeta: client => client.getMeta('o0000000000000005'),
    exists: client => client.exists('o0000000000000005'),
    list: client => client.list(),
    listNames: client => client.listNames(),
    getName: client => client.getName('name'),
    status: client => client.status(),
    clusterMeta: client => client.clusterMeta(),
    put: client => client.put(Buffer.from('value')),
    create: client => RecordBatchStream.create(client),
    open: client => RecordBatchStream.open(client, 'o0000000000000005')
  }

  /** What a call fails with has a code. */
  async function attempt(call: (client: Client) => Promise<unknown>, given: Answer[]): Promise<void> {
    answers = given
    const client = await connect(socket, { timeout: 500 })
    try {
      await call(client)
    } catch (error) {
      expect((error as { code?: string }).code, String((error as Error).stack)).to.match(/^ERR_VINEYARD_/)
    } finally {
      await client.close()
    }
  }

  for (const [name, call] of Object.entries(calls)) {
    fuzzes(
      `gets an error or a value of ${name}()`,
      fc.array(answer, { minLength: 1, maxLength: 5 }),
      given => attempt(call, given),
      40
    )
  }

  it('gets an error or a value of any of them where an object has no text', async () => {
    const nameless = { toString: null, valueOf: null }
    const keys = ['type', 'code', 'message', 'object_id', 'id', 'exists', 'deployment', 'typename', 'content']
    for (const call of Object.values(calls)) {
      for (const key of keys) await attempt(call, [{ fields: { [key]: nameless } }])
    }
  })
})
