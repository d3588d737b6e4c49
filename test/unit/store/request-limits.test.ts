import { expect } from 'chai'
import { maxBlobs, maxElements, maxFields, maxObjects, maxSlotSizes } from '#dist/protocol/request-limits.js'
import { Peer } from '#dist/store/peer.js'
import { type TestPeer, TestStore, text } from './support.js'

/** The parts of a JSON text that a request repeats. */
function times(count: number, part: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => part(index)).join(',')
}

describe('What one request may ask for', () => {
  let store: TestStore
  let peer: TestPeer
  let blob: bigint
  let object: bigint
  let stream: bigint

  beforeEach(() => {
    store = new TestStore()
    peer = store.connect(1)
    blob = peer.blob(1)
    object = peer.object()
    stream = peer.stream()
    peer.ask('open_stream_request', { object_id: stream, mode: 2 })
  })

  const content = (count: number, field: (index: number) => string): string =>
    `{"typename":"T","instance_id":0${count > 2 ? ',' : ''}${times(Math.max(0, count - 2), field)}}`
  const member = '{"id":"o8000000000000001","typename":"vineyard::Blob","instance_id":0}'

  // The text that follows the type, for a number of elements. Answers within the limit are in the tests of each request.
  const requests: [string, number, string, (count: number) => string][] = [
    ['get_buffers_request', maxBlobs, 'ids', n => `"ids":[${times(n, () => String(blob))}]`],
    ['get_buffers_request', maxBlobs, 'numbered ids', n => `"num":${n},${times(n, i => `"${i}":${blob}`)}`],
    ['create_buffers_request', maxBlobs, 'sizes', n => `"sizes":[${times(n, () => '1')}]`],
    ['increase_reference_count_request', maxElements, 'ids', n => `"ids":[${times(n, String)}]`],
    ['evict_request', maxElements, 'ids', n => `"ids":[${times(n, String)}]`],
    ['get_data_request', maxElements, 'ids', n => `"id":[${times(n, String)}]`],
    ['del_data_request', maxElements, 'ids', n => `"id":[${times(n, String)}]`],
    ['del_data_with_feedbacks_request', maxElements, 'ids', n => `"id":[${times(n, String)}]`],
    [
      'create_datas_request',
      maxObjects,
      'objects',
      n => `"contents":[${times(n, () => content(2, String))}]`
    ],
    ['create_data_request', maxFields, 'fields', n => `"content":${content(n, i => `"k${i}":1`)}`],
    [
      'create_data_request',
      maxFields,
      'fields that are blobs',
      n => `"content":${content(n, i => `"k${i}":${member}`)}`
    ],
    [
      'label_request',
      maxFields,
      'labels',
      n => `"id":${object},"keys":[${times(n, i => `"k${i}"`)}],"values":[${times(n, () => '"v"')}]`
    ],
    [
      'write_chunks_request',
      maxSlotSizes,
      'sizes of memory in advance',
      n => `"id":"${text(stream)}","templates":[],"chunks":[],"done":[],"slots":[${times(n, () => '[1,64]')}]`
    ]
  ]
  for (const [type, max, of, fields] of requests) {
    it(`${type} is answered with ${max} ${of}, and refused with one more`, () => {
      const usage = store.usage
      const refused = peer.sendText(`{"type":"${type}",${fields(max + 1)}}`).reply
      expect(refused.code).to.equal(1)
      expect(refused.message).to.include(String(max))
      expect(store.usage).to.equal(usage)
      expect(peer.sendText(`{"type":"${type}",${fields(max)}}`).reply).not.to.have.property('code')
    })
  }

  it('get_remote_buffers_request and create_remote_buffers_request are refused with more', () => {
    const numbered = times(maxBlobs + 1, i => `"${i}":5`)
    const sizes = times(maxBlobs + 1, () => '1')
    const remote = new Peer(false, () => {})
    store.dispatcher.dispatch('{"type":"register_request"}', remote)
    for (const request of [
      `"type":"get_remote_buffers_request","num":${maxBlobs + 1},${numbered}`,
      `"type":"create_remote_buffers_request","sizes":[${sizes}]`
    ]) {
      const reply = store.dispatcher.dispatch(`{${request}}`, remote)
      expect(reply)
        .to.be.a('string')
        .and.match(new RegExp(`"code":1,.* ${maxBlobs} `))
    }
  })

  it('labels and copies do not make an object longer than it may be', () => {
    const labels = (letter: string): number =>
      peer.code('label_request', {
        id: object,
        keys: Array.from({ length: 60_000 }, (_, i) => letter + i),
        values: Array.from({ length: 60_000 }, () => 'v')
      })
    expect([labels('a'), labels('a'), labels('b')]).to.deep.equal([0, 0, 1])
    const extra = (letter: string): Record<string, number> =>
      Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [letter + i, i]))
    const { target_id: copy } = peer.ask('shallow_copy_request', { id: object, extra: extra('a') })
    expect(peer.code('shallow_copy_request', { id: copy, extra: extra('b') })).to.equal(1)
    const long = 'x'.repeat(40 * 2 ** 20)
    expect(peer.code('label_request', { id: object, keys: ['a'], values: [long] })).to.equal(0)
    expect(peer.code('label_request', { id: object, keys: ['b'], values: [long] })).to.equal(21)
    const { target_id: longCopy } = peer.ask('shallow_copy_request', { id: object, extra: { long } })
    expect(longCopy).to.equal(undefined)
  })

  it('a text is one value, however many commas it has', () => {
    const csv = '1,2,"3",\\[{'.repeat(200_000)
    const id = peer.object({ csv })
    expect(peer.meta(id).csv).to.equal(csv)
  })
})
