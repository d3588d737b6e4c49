import { expect } from 'chai'
import { deleteObjects } from '#dist/store/deletion.js'
import { ObjectRecord } from '#dist/store/object-record.js'
import type { ObjectId } from '#dist/protocol/ids.js'
import { blobMember, type TestPeer, TestStore, text } from './support.js'

describe('deletion', () => {
  let store: TestStore
  let peer: TestPeer
  let blob: bigint
  let inner: bigint
  let outer: bigint

  beforeEach(() => {
    store = new TestStore()
    peer = store.connect()
    blob = peer.blob(100)
    inner = peer.object({ data: blobMember(blob) })
    outer = peer.object({ m: { id: text(inner) } })
  })

  function remove(ids: bigint[], options: Record<string, boolean> = {}): bigint[] {
    return peer.ask('del_data_with_feedbacks_request', { id: ids, ...options }).deleted_bids.map(BigInt)
  }

  function left(): string {
    return [outer, inner, blob].map(id => (peer.exists(id) ? 'x' : '-')).join('')
  }

  it('keeps what is still a member', () => {
    expect(remove([inner], { deep: true })).to.deep.equal([])
    expect(remove([blob])).to.deep.equal([])
    expect(left()).to.equal('xxx')
  })

  it('leaves member objects unless it is deep', () => {
    expect(remove([outer])).to.deep.equal([])
    expect(left()).to.equal('-xx')
    expect(remove([inner])).to.deep.equal([blob])
    expect(left()).to.equal('---')
  })

  it('deletes members and blobs when it is deep', () => {
    expect(remove([outer], { deep: true })).to.deep.equal([blob])
    expect(left()).to.equal('---')
    expect(store.usage).to.equal(0)
  })

  it('deletes owners when it is forced', () => {
    expect(remove([blob], { force: true })).to.deep.equal([blob])
    expect(left()).to.equal('---')
  })

  it('deletes owner and member in any order', () => {
    remove([inner, outer])
    expect(left()).to.equal('---')
  })

  it('keeps what another object uses', () => {
    const other = peer.object({ m: { id: text(inner) } })
    remove([outer], { deep: true })
    expect(left()).to.equal('-xx')
    remove([other], { deep: true })
    expect(left()).to.equal('---')
  })

  it('ignores unknown ids, and never deletes the empty blob or the pool', () => {
    expect(remove([5n, 2n ** 63n, 2n ** 64n - 1n], { force: true, deep: true })).to.deep.equal([])
    expect(left()).to.equal('xxx')
  })

  it('keeps a member that lives, where upstream deletes it with two others that have an empty member like it', () => {
    const empty = { m: blobMember(2n ** 63n) }
    const [first, member] = [peer.object(empty), peer.object(empty)]
    remove([first, peer.object({ ...empty, n: { id: text(member) } })])
    expect(peer.exists(member)).to.equal(true)
  })

  it('keeps a member that lives, where upstream deletes it with two others that share a blob', () => {
    const member = peer.object({})
    const shared = { m: { id: text(member) }, b: blobMember(blob) }
    remove([peer.object(shared), peer.object(shared)])
    expect(peer.exists(member)).to.equal(true)
  })

  it('deletes blobs only on the fast path', () => {
    expect(peer.code('del_data_request', { id: [outer], fastpath: true })).to.equal(7)
    remove([blob], { fastpath: true })
    expect(left()).to.equal('xx-')
    expect(peer.meta(outer).m.data.id).to.equal(text(blob))
    remove([outer], { deep: true })
    expect(left()).to.equal('---')
  })

  it('drops a blob under its object', () => {
    expect(peer.code('drop_buffer_request', { id: blob })).to.equal(0)
    expect(peer.code('drop_buffer_request', { id: blob })).to.equal(12)
    expect(peer.code('drop_buffer_request', { id: 2n ** 63n })).to.equal(0)
    expect(left()).to.equal('xx-')
  })

  it('clears everything but names', () => {
    peer.ask('persist_request', { id: outer })
    peer.ask('put_name_request', { object_id: outer, name: 'n' })
    peer.create(100)
    peer.ask('clear_request')
    expect(store.usage).to.equal(0)
    expect(store.engine.metadata.count).to.equal(0)
    expect(BigInt(peer.ask('get_name_request', { name: 'n', wait: false }).object_id)).to.equal(outer)
  })

  it('frees pages with memory_trim', () => {
    const large = peer.blob(1_000_000)
    const before = store.pages.reserved.size
    peer.ask('del_data_request', { id: [large], memory_trim: true })
    expect(store.pages.reserved.size).to.be.below(before - 200)
    peer.ask('clear_request')
    expect(peer.ask('memory_trim_request').trimmed).to.equal(true)
    expect(store.pages.reserved.size).to.equal(0)
  })

  it('costs the same however many objects share a member', () => {
    const owners = Array.from({ length: 20_000 }, () => peer.object({ m: { id: text(inner) } }))
    for (const id of owners) peer.ask('del_data_request', { id: [id], deep: true })
    expect(left()).to.equal('xxx')
  })

  it('looks at the owners of a blob once, however many of them are deleted', () => {
    const count = 1000
    const shared = 'o8000000000000001' as ObjectId
    const owners = new CountedSet<ObjectRecord>()
    const records = new Map<string, ObjectRecord>()
    for (let i = 0; i < count; i += 1) {
      const id = text(BigInt(i)) as ObjectId
      const record = new ObjectRecord(id, new Map(), 'T', '0', false, true, new Map([[shared, 1]]))
      records.set(id, record)
      owners.add(record)
    }
    const deleted = deleteObjects(
      [...records.keys(), shared] as ObjectId[],
      { force: false, deep: true },
      {
        find: id => records.get(id),
        blobOwners: () => owners,
        remove: record => {
          record.deleted = true
          records.delete(record.id)
          owners.delete(record)
        }
      }
    )
    expect(deleted).to.deep.equal([shared])
    expect(owners.seen).to.be.at.most(count)
  })
})

/** A set that counts how many elements were looked at. */
class CountedSet<T> extends Set<T> {
  seen = 0;

  override [Symbol.iterator](): SetIterator<T> {
    this.seen += this.size
    return super[Symbol.iterator]()
  }
}
