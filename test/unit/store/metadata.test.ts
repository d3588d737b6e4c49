import { expect } from 'chai'
import type { Stringifiable } from '#dist/protocol/json.js'
import { blobMember, type TestPeer, TestStore, text } from './support.js'

describe('metadata', () => {
  let store: TestStore
  let peer: TestPeer

  beforeEach(() => {
    store = new TestStore()
    peer = store.connect()
  })

  function create(content: Stringifiable): any {
    return peer.ask('create_data_request', { content })
  }

  const base = { typename: 'T', instance_id: 0 }

  it('adds id, signature, time and transience, keys in byte order', () => {
    const reply = create({ ...base, z: 1, B: 'x', a: null, _: true })
    const { content } = peer.ask('get_data_request', { id: [reply.id] })
    const meta = content[text(reply.id)]
    expect(Object.keys(meta)).to.deep.equal([
      'B',
      '_',
      '__timestamp',
      'a',
      'id',
      'instance_id',
      'signature',
      'transient',
      'typename',
      'z'
    ])
    expect(meta).to.include({ B: 'x', a: null, z: 1, transient: true, instance_id: 0, typename: 'T' })
    expect(meta.signature).to.equal(reply.signature)
    // Taken just before the id, which follows it unless the clock has gone on between the two.
    expect(BigInt(reply.signature) < BigInt(reply.id)).to.equal(true)
    expect(meta.__timestamp).to.be.closeTo(Date.now(), 1000)
  })

  it('ignores the id and the time that a writer gives, and keeps its signature', () => {
    const reply = create({ ...base, id: 'o0000000000000777', __timestamp: 5, signature: 2n ** 63n + 5n })
    expect(reply.signature).to.equal(2n ** 63n + 5n)
    const meta = peer.meta(BigInt(reply.id))
    expect(meta.id).to.equal(text(BigInt(reply.id)))
    expect(meta.__timestamp).to.be.above(5)
  })

  const refused: [string, Stringifiable, number][] = [
    ['no typename', { instance_id: 0 }, 21],
    ['a typename that is no string', { ...base, typename: 5 }, 21],
    ['a typename that is a long number', { ...base, typename: 2n ** 63n }, 21],
    ['a blob', { ...base, typename: 'vineyard::Blob' }, 7],
    ['no instance', { typename: 'T' }, 7],
    ['an instance that is no number', { ...base, instance_id: 'x' }, 21],
    ['a signature that is no number', { ...base, signature: 'x' }, 1],
    ['global that is no boolean', { ...base, global: 'x' }, 21],
    ['an empty member', { ...base, m: {} }, 25],
    ['a member without id', { ...base, m: { typename: 'x', instance_id: 0 } }, 25],
    ['a member whose id is an object', { ...base, m: { id: {} } }, 24],
    ['a member whose id is a number', { ...base, m: { id: 5 } }, 21],
    ['a member whose id is a path', { ...base, m: { id: 'a/b', typename: 'x', instance_id: 0 } }, 24],
    ['an unknown member', { ...base, m: { id: 'o0000000000000123' } }, 27],
    [
      'an unknown member in full',
      { ...base, m: { id: 'o0000000000000123', typename: 'x', instance_id: 0 } },
      27
    ],
    ['a blob as placeholder', { ...base, m: { id: 'o8000000000000123' } }, 21],
    ['a blob without typename', { ...base, m: { id: 'o8000000000000123', instance_id: 0 } }, 23],
    ['a blob without instance', { ...base, m: { id: 'o8000000000000123', typename: 'vineyard::Blob' } }, 21],
    ['a blob of another instance', { ...base, m: { ...blobMember(2n ** 63n + 1n), instance_id: 7 } }, 51],
    ['content that is a list', [], 1],
    ['content that is null', null, 1]
  ]
  for (const [what, content, code] of refused) {
    it(`refuses ${what} with ${code}`, () => {
      expect(create(content).code).to.equal(code)
      expect(store.engine.metadata.count).to.equal(0)
    })
  }

  it('nests members in full and shows blobs without their size', () => {
    const blob = peer.blob(100)
    const inner = peer.object({ typename: 'Inner', data: blobMember(blob) })
    const outer = peer.object({ m: { id: text(inner) } })
    const meta = peer.meta(outer)
    expect(meta.m).to.include({ id: text(inner), typename: 'Inner' })
    expect(meta.m.data).to.deep.equal({
      id: text(blob),
      instance_id: 0,
      length: 0,
      nbytes: 0,
      transient: true,
      typename: 'vineyard::Blob'
    })
    expect(peer.meta(blob)).to.include({ length: 100, nbytes: 100 })
  })

  it('checks members that exist, and does not change them', () => {
    const id = text(peer.object({ typename: 'M', v: 'x' }))
    const member = (extra: Record<string, Stringifiable>): any => create({ ...base, m: { id, ...extra } })
    expect(member({ typename: 'M' }).code).to.equal(21)
    expect(member({ instance_id: 0 }).code).to.equal(23)
    expect(member({ typename: {}, instance_id: 0 }).code).to.equal(22)
    expect(member({ typename: 'M', instance_id: 3 }).code).to.equal(51)
    expect(member({ typename: 'M', instance_id: 0, v: { id } }).code).to.equal(21)
    expect(member({ typename: 'M', instance_id: 0, q: {} }).code).to.equal(25)
    expect(member({ typename: 'M', instance_id: 0, q: { id: 'o00000000000000f1' } }).code).to.equal(27)
    const owner = member({ typename: 'Other', instance_id: 0, v: 'changed' })
    expect(peer.meta(BigInt(owner.id)).m).to.include({ typename: 'M', v: 'x' })
  })

  it('applies the rules of global objects', () => {
    const id = text(peer.object())
    const make = (m: Record<string, Stringifiable>): any => create({ ...base, global: true, m })
    const made = make({ id })
    expect(make({ id: text(BigInt(made.id)) }).code).to.equal(51)
    expect(make({ id, typename: 'T', instance_id: 0 }).code).to.equal(21)
    expect(make(blobMember(peer.blob(1))).code).to.equal(21)
    expect(make({ id, typename: 'T', instance_id: 0, signature: 99 }).instance_id).to.equal(0)
    expect(make({ id, typename: 'T', instance_id: 3, signature: 99 }).instance_id).to.equal(2n ** 64n - 1n)
  })

  it('makes all of a batch or nothing', () => {
    expect(peer.code('create_datas_request', { contents: [base, { typename: 'T' }] })).to.equal(7)
    expect(store.engine.metadata.count).to.equal(0)
    const reply = peer.ask('create_datas_request', { contents: [base, base] })
    expect(reply.num).to.equal(2)
    expect(reply.ids).to.have.length(2)
  })

  it('keeps the types of values', () => {
    const content =
      '{"typename":"T","instance_id":0,"a":1.0,"b":"1.0","c":9223372036854775808,"d":"9223372036854775808"}'
    const { id } = peer.sendText(`{"type":"create_data_request","content":${content}}`).reply
    const found = store.engine.metadata.find(text(id))!.text()
    expect(found).to.include('"a":1.0,"b":"1.0","c":9223372036854775808,"d":"9223372036854775808"')
  })

  it('stores hostile keys as they are', () => {
    const keys = ['__proto__', 'constructor', 'toString', '', '-', '5', 'a/b', '~', '😀', '\uffff', '\0']
    const content = `{"typename":"T","instance_id":0,${keys.map(k => `${JSON.stringify(k)}:"v"`).join(',')}}`
    const { id } = peer.sendText(`{"type":"create_data_request","content":${content}}`).reply
    const found = store.engine.metadata.find(text(id))!.text()
    for (const key of keys) expect(found).to.include(`${JSON.stringify(key)}:"v"`)
    expect(({} as Record<string, unknown>)['v']).to.equal(undefined)
    expect(peer.code('clear_request')).to.equal(0)
  })

  it('does not overflow on deep nesting', () => {
    const deep = (open: string, close: string): string => `${open.repeat(100_000)}1${close.repeat(100_000)}`
    for (const value of [
      deep('[', ']'),
      deep('{"id":', '}'),
      deep('{"m":', '}'),
      `[${deep('{"a":', '}')}]`
    ]) {
      const text = `{"type":"create_data_request","content":{"typename":"T","instance_id":0,"v":${value}}}`
      expect(peer.sendText(text).reply.code).to.be.oneOf([1, 21, 24, 25])
    }
    expect(peer.sendText(`{"type":"debug_command","debug":${deep('[', ']')}}`).reply.type).to.equal(
      'debug_reply'
    )
  })

  it('bounds how deep and how long objects become through their members', () => {
    let id = peer.object()
    for (let level = 0; level < 1000; level += 1) id = peer.object({ m: { id: text(id) } })
    expect(create({ ...base, m: { id: text(id) } }).code).to.equal(21)
    expect(peer.meta(id)).to.be.an('object')
    let wide = peer.object({ v: 'x'.repeat(1000) })
    let code: number | undefined
    for (let level = 0; level < 40 && code === undefined; level += 1) {
      const reply = create({ ...base, a: { id: text(wide) }, b: { id: text(wide) } })
      code = reply.code
      wide = BigInt(reply.id ?? 0)
    }
    expect(code).to.equal(21)
  })

  it('takes 100,000 members', () => {
    const id = text(peer.object())
    const members = Array.from({ length: 100_000 }, (_, i) => [`m${i}`, { id }] as const)
    const owner = peer.object(Object.fromEntries(members))
    expect(Object.keys(peer.meta(owner))).to.have.length(100_006)
    peer.ask('del_data_request', { id: [owner], deep: true })
    expect(store.engine.metadata.count).to.equal(0)
  })

  it('labels, and merges labels', () => {
    const id = peer.object()
    expect(peer.code('label_request', { id, keys: ['b', '__proto__'], values: ['1', '2', '3'] })).to.equal(0)
    peer.ask('label_request', { id, keys: ['b', 'a'], values: ['9', '"'] })
    expect(peer.meta(id).__labels).to.equal('{"__proto__":"2","a":"\\"","b":"9"}')
    expect(peer.code('label_request', { id, keys: ['a'], values: [] })).to.equal(1)
    expect(peer.code('label_request', { id: 5, keys: ['a'], values: ['b'] })).to.equal(12)
    expect(peer.code('label_request', { id: peer.blob(5), keys: ['a'], values: ['b'] })).to.equal(0)
  })

  it('shows a label of a member in its owner', () => {
    const inner = peer.object()
    const outer = peer.object({ m: { id: text(inner) } })
    peer.meta(outer)
    peer.ask('label_request', { id: inner, keys: ['a'], values: ['b'] })
    expect(peer.meta(outer).m.__labels).to.equal('{"a":"b"}')
  })

  it('persists with all members', () => {
    const blob = peer.blob(5)
    const inner = peer.object({ data: blobMember(blob) })
    const outer = peer.object({ m: { id: text(inner) } })
    expect(peer.ask('if_persist_request', { id: inner }).persist).to.equal(false)
    expect(peer.code('persist_request', { id: outer })).to.equal(0)
    expect(peer.code('persist_request', { id: outer })).to.equal(0)
    expect(peer.ask('if_persist_request', { id: inner }).persist).to.equal(true)
    expect(peer.meta(outer).m.data.transient).to.equal(true)
    expect(peer.ask('if_persist_request', { id: blob }).persist).to.equal(false)
    expect(peer.code('persist_request', { id: blob })).to.equal(7)
    expect(peer.code('persist_request', { id: 5 })).to.equal(27)
    expect(peer.code('if_persist_request', { id: 5 })).to.equal(27)
  })

  it('copies shallowly', () => {
    const blob = peer.blob(5)
    const id = peer.object({ data: blobMember(blob), v: 'x' })
    const { target_id: copy } = peer.ask('shallow_copy_request', {
      id,
      extra: { typename: 'N', id: 'zz', a: 1 }
    })
    expect(peer.meta(copy)).to.include({ typename: 'N', v: 'x', a: 1, id: text(copy) })
    expect(peer.meta(copy).signature).to.equal(peer.meta(id).signature)
    peer.ask('del_data_request', { id: [id] })
    expect(peer.exists(blob)).to.equal(true)
    peer.ask('del_data_request', { id: [copy] })
    expect(peer.exists(blob)).to.equal(false)
    expect(peer.code('shallow_copy_request', { id: 2n ** 63n + 1n })).to.equal(7)
    expect(peer.code('shallow_copy_request', { id: 5 })).to.equal(27)
    const other = peer.object()
    expect(peer.code('shallow_copy_request', { id: other, extra: { a: [1] } })).to.equal(7)
    expect(peer.code('shallow_copy_request', { id: other, extra: null })).to.equal(7)
    expect(peer.code('shallow_copy_request', { id: other })).to.equal(0)
  })

  it('lists by glob, by expression and in order', () => {
    const a = peer.object({ typename: 'A' })
    const b = peer.object({ typename: 'B' })
    const blob = peer.blob(5)
    peer.create(5)
    const list = (fields: Record<string, Stringifiable>): string[] | null => {
      const { content } = peer.ask('list_data_request', { limit: 10, ...fields })
      return content && Object.keys(content)
    }
    expect(list({ pattern: '*' })).to.deep.equal([text(a), text(b), text(blob)])
    expect(list({ pattern: '*', limit: 1 })).to.deep.equal([text(a)])
    expect(list({ pattern: '*', limit: -1 })).to.have.length(3)
    expect(list({ pattern: '*', limit: 0 })).to.equal(null)
    expect(list({ pattern: '[AB]', regex: true })).to.deep.equal([text(a), text(b)])
    expect(list({ pattern: '(', regex: true })).to.equal(null)
    expect(list({ pattern: 'vineyard::*' })).to.deep.equal([text(blob)])
    expect(peer.code('list_data_request', { pattern: '*' })).to.equal(1)
  })

  it('waits for objects and blobs', () => {
    const other = store.connect()
    const next = peer.object()
    const wait = other.send({ type: 'get_data_request', id: [next, next + 4096n], wait: true })
    expect(other.send({ type: 'get_data_request', id: [next + 4096n] }).reply.content).to.equal(null)
    expect(wait.waits).to.equal(true)
    expect(store.engine.objectWaits.length).to.equal(1)
    other.close()
    expect(store.engine.objectWaits.length).to.equal(0)
    const third = store.connect()
    const ready = third.send({ type: 'get_data_request', id: [next], wait: true })
    expect(ready.reply.content).to.have.property(text(next))
  })
})
