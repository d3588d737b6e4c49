import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { expect } from 'chai'
import fc from 'fast-check'
import { stringifyJson, type Stringifiable } from '#dist/protocol/json.js'
import { requestTypes } from '#dist/store/dispatcher.js'
import { connect, Store, type Client } from 'vineyard-streams'
import { frame } from '../support/frame.js'
import { fuzzes, hostileJson } from '../support/fuzzing.js'

/** Fields that requests read. What is not here gets those of any request. */
const fieldsOf: Record<string, readonly string[]> = {
  register_request: ['version', 'store_type', 'session_id', 'username', 'password', 'vineyard_streams'],
  exit_request: [],
  new_session_request: ['bulk_store_type'],
  delete_session_request: [],
  move_buffers_ownership_request: ['session_id', 'id_to_id', 'id_to_pid', 'pid_to_id', 'pid_to_pid'],
  instance_status_request: [],
  cluster_meta: [],
  debug_command: ['debug'],
  acquire_lock_request: ['key'],
  release_lock_request: ['key'],
  create_buffer_request: ['size'],
  create_buffers_request: ['sizes', 'num', 'wait', 'scoped', 'stream', 'ticket'],
  create_disk_buffer_request: ['size', 'path'],
  seal_request: ['object_id'],
  get_buffers_request: ['ids', 'num', '0', '1', 'unsafe'],
  drop_buffer_request: ['id'],
  shrink_buffer_request: ['id', 'size'],
  increase_reference_count_request: ['ids'],
  release_request: ['object_id'],
  del_data_with_feedbacks_request: ['id', 'force', 'deep'],
  is_spilled_request: ['id'],
  is_in_use_request: ['id'],
  evict_request: ['ids'],
  load_request: ['ids', 'pin'],
  unpin_request: ['ids'],
  make_arena_request: ['size'],
  finalize_arena_request: ['fd', 'offsets', 'sizes'],
  create_buffer_by_plasma_request: ['plasma_id', 'size', 'plasma_size'],
  create_data_request: ['content'],
  create_datas_request: ['contents', 'num', 'scoped'],
  get_data_request: ['id', 'sync_remote', 'wait'],
  list_data_request: ['pattern', 'regex', 'limit'],
  del_data_request: ['id', 'force', 'deep', 'memory_trim', 'fastpath'],
  exists_request: ['id'],
  persist_request: ['id'],
  if_persist_request: ['id'],
  label_request: ['id', 'keys', 'values'],
  clear_request: [],
  memory_trim_request: [],
  shallow_copy_request: ['id', 'extra'],
  migrate_object_request: ['object_id'],
  put_name_request: ['object_id', 'name'],
  get_name_request: ['name', 'wait'],
  list_name_request: ['pattern', 'regex', 'limit'],
  drop_name_request: ['name'],
  create_stream_request: ['object_id', 'consumers', 'policy', 'resumable'],
  open_stream_request: ['object_id', 'mode'],
  get_next_stream_chunk_request: ['id', 'size'],
  push_next_stream_chunk_request: ['id', 'chunk'],
  pull_next_stream_chunk_request: ['id'],
  stop_stream_request: ['id', 'failed'],
  drop_stream_request: ['id'],
  write_chunks_request: ['id', 'templates', 'chunks', 'done', 'ids', 'slots'],
  pull_chunks_request: ['id', 'max', 'max_bytes', 'templates', 'consumed'],
  consume_chunks: ['id', 'count'],
  release_leases: ['ids'],
  demand_room: ['id', 'chunks', 'bytes'],
  leave_stream: ['id'],
  keep_leases: [],
  cancel_waiting: ['ticket'],
  create_remote_buffer_request: ['size', 'compress', 'use_rdma'],
  create_remote_buffers_request: ['sizes', 'num', 'compress', 'use_rdma'],
  store_snapshot_request: ['objects'],
  get_remote_buffers_request: ['num', '0', 'unsafe', 'compress', 'use_rdma']
}

/** Values that a field could rightly have: what gets past the checks and meets other state. */
const plausible: fc.Arbitrary<unknown> = fc.oneof(
  fc.nat(8),
  fc.nat(2 ** 20),
  fc.boolean(),
  fc.constantFrom(1, 2, 3, 'wait', 'drop', 'evict', '*', 'o0000000000000001', 'o8000000000000000', 2n ** 63n),
  fc.array(fc.nat(64), { maxLength: 3 }),
  fc.array(fc.constantFrom('o0000000000000001', 'x', '{"typename":"t","instance_id":0}'), { maxLength: 3 })
)

const anyFields = ['id', 'ids', 'num', '0', 'size', 'object_id', 'plasma_id', 'plasma_size', 'unsafe']

const request: fc.Arbitrary<Record<string, unknown>> = fc.constantFrom(...requestTypes).chain(type =>
  fc
    .record(
      Object.fromEntries((fieldsOf[type] ?? anyFields).map(name => [name, fc.oneof(plausible, hostileJson)])),
      {
        requiredKeys: []
      }
    )
    .map(fields => ({ type, ...fields }))
)

const register = frame('{"type":"register_request","store_type":1,"vineyard_streams":1}')

describe('A store under fire', () => {
  let store: Store
  let healthy: Client
  before(async () => {
    store = await Store.start({ size: '4Mi', rpc: { port: 0 } })
    healthy = await connect(store.socket, { timeout: 20_000 })
  })
  after(async () => {
    await healthy.close()
    await store.close({ drain: 0 })
  })

  type Way = 'the socket' | 'TCP'

  /** Sends what it is given on a connection of its own; the other connection must not notice. */
  async function attack(way: Way, ...data: Uint8Array[]): Promise<void> {
    const [host, port] = (store.rpcEndpoint as string).split(':')
    const socket = way === 'TCP' ? connectSocket(Number(port), host) : connectSocket(store.socket)
    socket.on('error', () => {})
    socket.resume()
    const closed = new Promise(resolve => socket.once('close', resolve))
    await once(socket, 'connect')
    for (const one of data) socket.write(one)
    const id = await healthy.put('untouched')
    // Another connection may delete it, which is its right, but nothing else may happen to this one.
    const found = await healthy.get(id).catch((error: { code?: string }) => {
      expect(error.code).to.equal('ERR_VINEYARD_NOT_FOUND')
      return 'untouched'
    })
    expect(found).to.equal('untouched')
    await healthy.delete(id)
    socket.destroy()
    await closed
  }

  for (const way of ['the socket', 'TCP'] as const) {
    fuzzes(
      `survives requests with any fields, over ${way}`,
      fc.array(request, { minLength: 1, maxLength: 30 }),
      all => attack(way, register, ...all.map(one => frame(stringifyJson(one as Stringifiable)))),
      10
    )

    fuzzes(
      `survives frames of any bytes, over ${way}`,
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 64 }),
          hostileJson.map(v => Buffer.from(stringifyJson(v as Stringifiable)))
        ),
        { maxLength: 8 }
      ),
      all => attack(way, register, ...all.map(one => frame(one))),
      10
    )

    fuzzes(
      `survives any bytes, cut anywhere, over ${way}`,
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 5 }),
      all => attack(way, ...all),
      10
    )

    fuzzes(
      `survives metadata of any form, over ${way}`,
      fc.array(
        fc.record({
          typename: fc.constantFrom('T', 'vineyard::Blob', '', 5),
          instance_id: fc.constant(0),
          any: hostileJson,
          ['__proto__']: hostileJson
        }),
        { minLength: 1, maxLength: 5 }
      ),
      all =>
        attack(
          way,
          register,
          ...all.map(content =>
            frame(stringifyJson({ type: 'create_data_request', content } as Stringifiable))
          ),
          frame('{"type":"list_data_request","pattern":"*","limit":1000}')
        ),
      10
    )
  }

  it('has everything back afterwards', async () => {
    for (;;) {
      const { ipcConnections, rpcConnections, leasedBytes, memoryRequests } = await store.status()
      if (ipcConnections === 1 && rpcConnections === 0 && leasedBytes === 0 && memoryRequests === 0) return
    }
  })

  describe('answers what crashes vineyardd with code 1, and goes on:', () => {
    const crashes: Record<string, string | Uint8Array> = {
      'a type that is no text': '{"type":5}',
      'create_data without content': '{"type":"create_data_request"}',
      'create_data of no object': '{"type":"create_data_request","content":[1]}',
      'a signature that is no number':
        '{"type":"create_data_request","content":{"typename":"t","instance_id":0,"signature":"x"}}',
      'a label without its value': '{"type":"label_request","id":1,"keys":["a","b"],"values":["c"]}',
      'invalid UTF-8': Buffer.concat([Buffer.from('{"type":"'), Buffer.of(0xff, 0xc0), Buffer.from('"}')]),
      'a lone surrogate, encoded': Buffer.concat([
        Buffer.from('{"type":"get_name_request","wait":false,"name":"'),
        Buffer.of(0xed, 0xa0, 0x80),
        Buffer.from('"}')
      ]),
      'half a surrogate pair, escaped': '{"type":"get_name_request","wait":false,"name":"뾤\\uda8eᩮ\\udee9"}',
      'nothing at all': '',
      'nesting without end': '{"type":'.repeat(200_000),
      'nested lists': `{"type":"debug_command","debug":${'['.repeat(100_000)}`
    }
    for (const [title, body] of Object.entries(crashes)) {
      it(title, async () => {
        const socket = connectSocket(store.socket)
        await once(socket, 'connect')
        const replies: Buffer[] = []
        socket.on('data', (data: Buffer) => replies.push(data))
        socket.write(register)
        socket.write(frame(body))
        socket.write(frame('{"type":"exists_request","id":5}'))
        while (!Buffer.concat(replies).includes('exists_reply')) await once(socket, 'data')
        expect(Buffer.concat(replies).toString('latin1')).to.include('{"code":1,')
        socket.destroy()
      })
    }

    it('100,000 members, and an object that names itself', async () => {
      const socket = connectSocket(store.socket)
      await once(socket, 'connect')
      const replies: Buffer[] = []
      socket.on('data', (data: Buffer) => replies.push(data))
      socket.write(register)
      const blob = '{"id":"o8000000000000000","typename":"vineyard::Blob","instance_id":0}'
      const members = Array.from({ length: 100_000 }, (_, number) => `"m_-${number}":${blob}`).join(',')
      socket.write(
        frame(`{"type":"create_data_request","content":{"typename":"t","instance_id":0,${members}}}`)
      )
      const itself =
        '{"typename":"t","instance_id":0,"id":"o0000000000000001","me":{"id":"o0000000000000001"}}'
      socket.write(frame(`{"type":"create_data_request","content":${itself}}`))
      socket.write(frame('{"type":"exists_request","id":5}'))
      while (!Buffer.concat(replies).includes('exists_reply')) await once(socket, 'data')
      socket.destroy()
      expect(await healthy.put(1)).to.be.a('string')
    })
  })
})
