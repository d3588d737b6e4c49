import { expect } from 'chai'
import type { Stringifiable } from '#dist/protocol/json.js'
import type { Blob } from '#dist/store/blob.js'
import { Blobs } from '#dist/store/blobs.js'
import { IdGenerator } from '#dist/store/id-generator.js'
import { Pool } from '#dist/store/pool.js'
import { FakePages, MiB, poolFd, type TestPeer, TestStore } from './support.js'

const size = 16 * MiB
const empty = 2n ** 63n
const pool = 2n ** 64n - 1n

describe('buffers', () => {
  let store: TestStore
  let peer: TestPeer

  beforeEach(() => {
    store = new TestStore(size)
    peer = store.connect()
  })

  it('creates aligned blobs inside of the mapped memory, and announces the descriptor once', () => {
    const first = peer.ask('create_buffer_request', { size: 100 })
    const second = peer.ask('create_buffer_request', { size: size / 2 })
    expect([first.fd, second.fd]).to.deep.equal([poolFd, -1])
    expect(first.created.map_size).to.equal(size + 8)
    for (const { created } of [first, second]) {
      expect(created.data_offset % 64).to.equal(0)
      expect(created.data_offset + created.data_size).to.be.at.most(size)
      expect(created.store_fd).to.equal(poolFd)
    }
    expect(store.usage).to.equal(100 + size / 2)
  })

  it('are no more than the heap has room for, however small they are', () => {
    const { peer: creator } = peer
    const blobs = new Blobs(new Pool(MiB, new FakePages()), new IdGenerator(), 3)
    const make = (): Blob | undefined => blobs.create(1, creator, false, 'now')
    const [first] = [make(), make(), make()]
    expect(make()).to.equal(undefined)
    blobs.delete(first as Blob, creator)
    expect(make()).to.not.equal(undefined)
  })

  it('answers with the empty blob for no bytes, and no descriptor', () => {
    const reply = peer.ask('create_buffer_request', { size: 0 })
    expect(reply).to.include({ id: empty, fd: -1 })
    expect(reply.created).to.include({ store_fd: -1, map_size: 0, pointer: 0, is_sealed: false })
    expect(peer.exists(empty)).to.equal(false)
    expect(peer.exists(pool)).to.equal(true)
  })

  it('refuses what does not fit, and keeps nothing of a batch', () => {
    expect(peer.code('create_buffer_request', { size: size + 1 })).to.equal(41)
    expect(peer.code('create_buffer_request', { size: -1 })).to.equal(41)
    expect(peer.code('create_buffers_request', { sizes: [size / 2, size / 4, size / 2] })).to.equal(41)
    expect(store.usage).to.equal(0)
    expect(peer.code('create_buffer_request', { size })).to.equal(0)
  })

  it('reports a shortage of the system as one of the store', () => {
    store.pages.limit = 10
    expect(peer.code('create_buffer_request', { size: MiB })).to.equal(41)
  })

  it('creates batches', () => {
    expect(peer.ask('create_buffers_request', { sizes: [] })).to.deep.include({ num: 0, ids: [], fds: [] })
    const reply = peer.ask('create_buffers_request', { sizes: [0, 5] })
    expect(reply.fds).to.deep.equal([poolFd])
    expect(reply['1']).to.deep.equal(reply.payloads[1])
    expect(reply.ids[0]).to.equal(empty)
  })

  it('finds blobs by list and by number, leaves unknown ones out, and answers duplicates twice', () => {
    const id = peer.blob(5)
    const byList = peer.ask('get_buffers_request', { ids: [id, 5, id, empty, pool] })
    expect(byList.num).to.equal(4)
    expect(byList['3']).to.include({ data_size: size, object_id: pool })
    expect(peer.ask('get_buffers_request', { num: 1, '0': id }).payloads[0].object_id).to.equal(id)
    expect(peer.code('get_buffers_request', { num: 2, '0': id })).to.equal(1)
    expect(peer.code('get_buffers_request', { num: 2 ** 60, '0': id })).to.equal(1)
    expect(peer.code('get_buffers_request')).to.equal(1)
  })

  it('does not announce a descriptor for blobs without bytes', () => {
    const id = peer.create(5)
    const other = store.connect()
    peer.ask('shrink_buffer_request', { id, size: 0 })
    peer.ask('seal_request', { object_id: id })
    const reply = other.ask('get_buffers_request', { ids: [id, empty] })
    expect(reply.fds).to.deep.equal([])
    expect(reply.payloads[0].store_fd).to.equal(poolFd)
    expect(store.usage).to.equal(0)
  })

  it('hides unsealed blobs unless unsafe', () => {
    const id = peer.create(5)
    expect(peer.code('get_buffers_request', { ids: [id] })).to.equal(14)
    expect(peer.ask('get_buffers_request', { ids: [id], unsafe: true }).num).to.equal(1)
    expect(peer.meta(id)).to.equal(undefined)
    expect(peer.exists(id)).to.equal(true)
  })

  it('seals, shrinks and drops with upstream codes', () => {
    const id = peer.create(50)
    expect(peer.code('shrink_buffer_request', { id, size: 60 })).to.equal(1)
    expect(peer.code('shrink_buffer_request', { id, size: 20 })).to.equal(0)
    expect(store.usage).to.equal(20)
    for (let i = 0; i < 2; i += 1) expect(store.connect().code('seal_request', { object_id: id })).to.equal(0)
    expect(peer.code('shrink_buffer_request', { id, size: 5 })).to.equal(13)
    expect(peer.code('shrink_buffer_request', { id: empty, size: 0 })).to.equal(12)
    for (const object_id of [empty, pool]) expect(peer.code('seal_request', { object_id })).to.equal(0)
    expect(peer.code('seal_request', { object_id: 5 })).to.equal(12)
    expect(peer.code('drop_buffer_request', { id })).to.equal(0)
    expect(peer.code('drop_buffer_request', { id })).to.equal(12)
  })

  it('counts references as upstream does', () => {
    const id = peer.blob(5)
    const inUse = (): boolean => peer.ask('is_in_use_request', { id }).is_in_use
    expect(inUse()).to.equal(true)
    expect(peer.code('release_request', { object_id: id })).to.equal(0)
    expect(inUse()).to.equal(false)
    expect(peer.code('release_request', { object_id: id })).to.equal(2)
    const other = store.connect()
    other.ask('get_buffers_request', { ids: [id] })
    expect(inUse()).to.equal(true)
    expect(other.code('release_request', { object_id: 5 })).to.equal(12)
    other.close()
    expect(inUse()).to.equal(false)
    expect(peer.code('increase_reference_count_request', { ids: [1, id] })).to.equal(0)
    expect(inUse()).to.equal(true)
    expect(peer.ask('is_in_use_request', { id: 1 }).is_in_use).to.equal(true)
    expect(peer.ask('is_spilled_request', { id: 1 }).is_spilled).to.equal(false)
  })

  it('remembers references to what does not exist up to a limit', () => {
    const ids = Array.from({ length: 70_000 }, (_, number) => number + 1)
    expect(peer.code('increase_reference_count_request', { ids })).to.equal(0)
    expect(peer.peer.references.size).to.equal(65_536)
    const id = peer.blob(5)
    expect(peer.code('release_request', { object_id: id })).to.equal(0)
    expect(peer.code('get_data_request', { id: ids, wait: true })).to.equal(1)
  })

  const answers: [string, Record<string, Stringifiable>, number][] = [
    ['create_disk_buffer_request', { size: 10, path: '' }, 0],
    ['create_disk_buffer_request', { size: 0, path: '' }, 1],
    ['create_disk_buffer_request', { size: 10, path: '/tmp/x' }, 6],
    ['create_gpu_buffer_request', { size: 5 }, 1],
    ['get_gpu_buffers_request', { num: 0 }, 1],
    ['evict_request', { ids: [1] }, 0],
    ['load_request', { ids: [1], pin: true }, 0],
    ['unpin_request', { ids: [] }, 0],
    ['make_arena_request', { size: 5 }, 6],
    ['get_buffers_by_plasma_request', { num: 0 }, 1],
    ['release_lock_request', { key: 'x' }, 6],
    ['acquire_lock_request', { key: 'x' }, 6],
    ['move_buffers_ownership_request', { session_id: 0, id_to_id: [] }, 1],
    ['move_buffers_ownership_request', { session_id: 9, id_to_id: [] }, 1],
    ['new_session_request', {}, 6],
    ['request_fd_request', {}, 1],
    ['debug_command', { debug: {} }, 0],
    ['cluster_meta', {}, 0],
    ['instance_status_request', {}, 0],
    ['exists_request', { id: 5, code: 12, message: 'x' }, 12],
    ['migrate_object_request', { object_id: 5 }, 27],
    ['migrate_object_request', { object_id: empty }, 1],
    ['nothing', {}, 1]
  ]
  for (const [type, fields, code] of answers) {
    it(`answers ${type} ${JSON.stringify(fields, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))} with ${code}`, () => {
      expect(peer.code(type, fields)).to.equal(code)
    })
  }

  it('refuses everything before the registration', () => {
    const stranger = new TestStore().connect()
    stranger.peer.registered = false
    for (const type of ['exists_request', 'exit_request', 'release_leases', 'nothing']) {
      expect(stranger.code(type, { id: 5, ids: [] })).to.equal(1)
    }
    expect(stranger.code('register_request', { store_type: 1, username: 'wrong' })).to.equal(34)
    expect(stranger.peer.registered).to.equal(false)
    expect(stranger.ask('register_request').store_match).to.equal(true)
    expect(stranger.ask('register_request', { store_type: 2 }).store_match).to.equal(false)
    expect(stranger.ask('register_request', { store_type: 'Plasma' }).store_match).to.equal(false)
  })

  it('takes no new work while it closes, but lets readers read', () => {
    const id = peer.stream()
    peer.push(id, peer.blob(5))
    store.closing = true
    for (const type of ['create_buffer_request', 'create_data_request', 'push_next_stream_chunk_request']) {
      expect(peer.code(type, { size: 5, id, chunk: 5 })).to.equal(36)
    }
    expect(store.connect().pull(id).reply.code).to.equal(undefined)
  })

  for (const text of [
    null,
    '',
    '5',
    '[]',
    'null',
    '{',
    '{"type":5}',
    '{"type":null}',
    '{}',
    '{"type":"exists_request","code":"x"}'
  ]) {
    it(`answers ${JSON.stringify(text)} with 1`, () => {
      expect(peer.sendText(text).reply.code).to.equal(1)
    })
  }
})
