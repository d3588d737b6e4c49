import { expect } from 'chai'
import { type TestPeer, TestStore } from './support.js'

describe('names', () => {
  let store: TestStore
  let peer: TestPeer
  let id: bigint

  beforeEach(() => {
    store = new TestStore()
    peer = store.connect()
    id = peer.object()
    peer.ask('persist_request', { id })
  })

  for (const name of ['first', '', '123', 'a/b~c', '__proto__', 'ключ', '\0']) {
    it(`gives and takes ${JSON.stringify(name)}`, () => {
      expect(peer.code('put_name_request', { object_id: id, name })).to.equal(0)
      expect(BigInt(peer.ask('get_name_request', { name, wait: false }).object_id)).to.equal(id)
      const list = peer.ask('list_name_request', { pattern: '*', limit: 10 })
      expect(list.size).to.equal(1)
      expect(Object.keys(list.names)).to.deep.equal([name])
      peer.ask('drop_name_request', { name })
      expect(peer.code('get_name_request', { name, wait: false })).to.equal(12)
    })
  }

  it('shows the name in the metadata until it is dropped', () => {
    peer.ask('put_name_request', { object_id: id, name: 'a/b~c' })
    expect(peer.meta(id).__name).to.equal('a~1b~0c')
    peer.ask('drop_name_request', { name: 'a/b~c' })
    expect(peer.meta(id)).to.not.have.property('__name')
    expect(peer.code('drop_name_request', { name: 'a/b~c' })).to.equal(0)
  })

  it('refuses blobs, transient and unknown objects', () => {
    const put = (object_id: bigint): number => peer.code('put_name_request', { object_id, name: 'x' })
    expect(put(peer.blob(5))).to.equal(1)
    expect(put(peer.object())).to.equal(1)
    expect(put(5n)).to.equal(12)
  })

  it('overwrites', () => {
    const other = peer.object()
    peer.ask('persist_request', { id: other })
    for (const object_id of [id, other]) peer.ask('put_name_request', { object_id, name: 'x' })
    expect(BigInt(peer.ask('get_name_request', { name: 'x', wait: false }).object_id)).to.equal(other)
  })

  it('waits for a name', () => {
    const waiter = store.connect()
    const wait = waiter.send({ type: 'get_name_request', name: 'later', wait: true })
    expect(wait.waits).to.equal(true)
    expect(peer.ask('instance_status_request').meta.deferred_requests).to.equal(1)
    peer.ask('put_name_request', { object_id: id, name: 'later' })
    expect(BigInt(wait.reply.object_id)).to.equal(id)
    expect(peer.ask('instance_status_request').meta.deferred_requests).to.equal(0)
  })

  it('forgets the wait of a connection that has ended', () => {
    const waiter = store.connect()
    waiter.send({ type: 'get_name_request', name: 'never', wait: true })
    waiter.close()
    expect(peer.ask('instance_status_request').meta.deferred_requests).to.equal(0)
  })

  it('requires to know whether it shall wait', () => {
    expect(peer.code('get_name_request', { name: 'x' })).to.equal(1)
  })

  it('lists in byte order, by glob or expression, with a limit', () => {
    for (const name of ['b', 'a1', 'B', 'a2']) peer.ask('put_name_request', { object_id: id, name })
    const list = (fields: Record<string, string | number | boolean>): string[] =>
      Object.keys(peer.ask('list_name_request', { limit: 10, ...fields }).names)
    expect(list({ pattern: '*' })).to.deep.equal(['B', 'a1', 'a2', 'b'])
    expect(list({ pattern: 'a*', limit: 1 })).to.deep.equal(['a1'])
    expect(list({ pattern: 'a.', regex: true })).to.deep.equal(['a1', 'a2'])
    expect(list({ pattern: '*', limit: 0 })).to.deep.equal([])
    expect(list({ pattern: '*', limit: -1 })).to.have.length(4)
  })
})
