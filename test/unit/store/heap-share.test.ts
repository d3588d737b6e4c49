import { expect } from 'chai'
import type { ObjectId } from '#dist/protocol/ids.js'
import type { Stringifiable } from '#dist/protocol/json.js'
import { HeapShare } from '#dist/store/heap-share.js'
import type { Waiting } from '#dist/store/waiting.js'
import { takeSnapshot } from '#dist/store/watch/snapshot.js'
import { blobMember, MiB, type TestPeer, TestStore, text } from './support.js'

/** A template of an object with a member that has `columns` blobs. */
function template(columns: number): string {
  const buffers = Array.from({ length: columns }, (_, index) => [`buffer_${index}_`, { $blob: index }])
  const schema = { id: '', typename: 'vineyard::SchemaProxy', instance_id: 0, ...Object.fromEntries(buffers) }
  return JSON.stringify({ typename: 'vineyard::RecordBatch', instance_id: 0, schema, rows: { $var: 0 } })
}

/** A client that leaves things behind. Each method returns the code of the reply. */
class Litterer {
  readonly store: TestStore
  readonly peer: TestPeer
  readonly #object: bigint
  #stream = ''
  #count = 0

  constructor(limit?: number, maxBlobs?: number) {
    this.store = new TestStore(256 * MiB, new HeapShare(limit), maxBlobs)
    this.peer = this.store.connect(1)
    this.#object = this.peer.object()
    this.peer.ask('persist_request', { id: this.#object })
  }

  get counted(): number {
    return this.store.engine.heap.used
  }

  /** Does it until it is refused for want of memory; returns how often it was not. */
  fill(kind: Kind): number {
    for (let count = 0; count < 2000; count += 1) {
      const code = this[kind]()
      if (code === 0) continue
      expect(code).to.equal(41)
      return count
    }
    throw new Error('it takes everything')
  }

  openStream(): string {
    const id = this.peer.stream()
    this.peer.ask('open_stream_request', { object_id: id, mode: 2 })
    return (this.#stream = text(id))
  }

  object(fields: Record<string, Stringifiable> = {}): number {
    const content = { typename: 'T', instance_id: 0, number: this.#next(), ...fields }
    return this.peer.code('create_data_request', { content })
  }

  family(): number {
    const [a, b] = [this.peer.blob(8), this.peer.blob(8)].map(blobMember) as [Stringifiable, Stringifiable]
    const { id } = this.peer.ask('create_data_request', { content: { typename: 'M', instance_id: 0, a } })
    return id === undefined ? 41 : this.object({ b, member: { id: text(BigInt(id)) } })
  }

  copy(): number {
    return this.peer.code('shallow_copy_request', { id: this.#object, extra: { number: this.#next() } })
  }

  label(): number {
    return this.peer.code('label_request', {
      id: this.#object,
      keys: [`key${this.#next()}`],
      values: ['x'.repeat(1000)]
    })
  }

  name(): number {
    return this.peer.code('put_name_request', {
      object_id: this.#object,
      name: `the name number ${this.#next()}`
    })
  }

  stream(): number {
    return this.peer.code('create_stream_request', { object_id: BigInt(this.#next()), consumers: 3 })
  }

  place(): number {
    return this.peer.push(numberOf(this.#stream), BigInt(this.#next())).code ?? 0
  }

  template(): number {
    // Several of one request: each is counted by itself.
    const texts = Array.from({ length: 4 }, () => template(20).replace('rows', `rows${this.#next()}`))
    return this.#write({ templates: texts })
  }

  /** A chunk that is no object yet, in a blob of its own. */
  compact(vars: Stringifiable[] = [this.#next()]): number {
    if (this.#templates === 0) this.#write({ templates: [template(3)] })
    const blob = text(this.peer.create(64))
    return this.#write({ chunks: [[0, blob, vars, [0, 8, 8, 8, 16, 8], 64]] })
  }

  /** A chunk that is a part of a block, and so a blob. */
  part(): number {
    const block = text(this.peer.create(64))
    return this.#write({ chunks: [[block, -1, 0, 8]], done: [block] })
  }

  get #templates(): number {
    return this.store.engine.streams.table.find(this.#stream as ObjectId)?.templates.length ?? 0
  }

  #write(fields: Record<string, Stringifiable>): number {
    return this.peer.code('write_chunks_request', {
      id: this.#stream,
      templates: [],
      chunks: [],
      done: [],
      ...fields
    })
  }

  #next(): number {
    return (this.#count += 1)
  }
}

type Kind =
  'object' | 'family' | 'copy' | 'label' | 'name' | 'stream' | 'place' | 'template' | 'compact' | 'part'
const kinds: Kind[] = [
  'object',
  'family',
  'copy',
  'label',
  'name',
  'stream',
  'place',
  'template',
  'compact',
  'part'
]

describe('the share of the heap', () => {
  describe('takes no more than there is room for:', () => {
    for (const kind of kinds) {
      it(`of ${kind}`, () => {
        const litterer = new Litterer(256 * 1024)
        litterer.openStream()
        expect(litterer.fill(kind)).to.be.above(2)
        // The last one may go beyond.
        expect(litterer.counted).to.be.within(200 * 1024, 264 * 1024)
        litterer.peer.ask('clear_request')
        for (const stream of litterer.store.engine.streams.table.all()) {
          litterer.peer.ask('drop_stream_request', { id: numberOf(stream.id) })
        }
        for (const [name] of litterer.store.engine.names.list('*', false, 1_000_000))
          litterer.peer.ask('drop_name_request', { name })
        expect(litterer.counted).to.equal(0)
      })
    }
  })

  it('takes all objects of a request, or none', () => {
    const { store, peer } = new Litterer(64 * 1024)
    const contents = Array.from({ length: 100 }, () => ({ typename: 'T', instance_id: 0 }))
    const { count } = store.engine.metadata
    expect(peer.code('create_datas_request', { contents, num: 100 })).to.equal(41)
    expect(store.engine.metadata.count).to.equal(count)
    expect(peer.code('create_datas_request', { contents: contents.slice(0, 10), num: 10 })).to.equal(0)
  })

  it('makes parts of a block blobs, as long as there may be more', () => {
    const { peer, store } = new Litterer(undefined, 4)
    const id = peer.stream()
    const block = text(peer.create(64))
    const write = (...parts: number[]): number =>
      peer.code('write_chunks_request', {
        id: text(id),
        templates: [],
        chunks: [[block, ...parts]],
        done: []
      })
    expect(write(-1, 0, 8, -1, 8, 8, -1, 16, 8)).to.equal(0)
    expect(store.engine.blobs.count).to.equal(4)
    expect(write(-1, 24, 8)).to.equal(41)
    expect(store.engine.blobs.count).to.equal(4)
  })

  it('makes objects of a chunk, as long as there may be more blobs', () => {
    const litterer = new Litterer(undefined, 6)
    const { peer, store } = litterer
    const stream = store.engine.streams.table.find(litterer.openStream() as ObjectId)!
    expect(litterer.compact()).to.equal(0)
    const chunk = numberOf(stream.seats[0]!.ready.peek()!.id)
    const others = [peer.blob(8), peer.blob(8), peer.blob(8)]
    expect(peer.code('get_data_request', { id: [chunk] })).to.equal(41)
    peer.ask('del_data_request', { id: others })
    expect(peer.meta(chunk).typename).to.equal('vineyard::RecordBatch')
  })

  it('has room again when something is deleted', () => {
    const litterer = new Litterer(64 * 1024)
    const first = litterer.peer.object()
    litterer.fill('object')
    litterer.peer.ask('del_data_request', { id: [first], deep: true })
    expect(litterer.object()).to.equal(0)
    expect(litterer.object()).to.equal(41)
  })

  describe('while it is full', () => {
    let litterer: Litterer
    let stream: string
    let chunk: string

    let objects: bigint[]

    beforeEach(() => {
      litterer = new Litterer(64 * 1024)
      stream = litterer.openStream()
      expect(litterer.compact()).to.equal(0)
      chunk = litterer.store.engine.streams.table.find(stream as ObjectId)!.seats[0]!.ready.peek()!.id
      // Any id may be that of a stream.
      litterer.peer.ask('create_stream_request', { object_id: numberOf(chunk) })
      objects = Array.from({ length: 10 }, () => litterer.peer.object())
      litterer.fill('place')
    })

    it('a chunk does not become an object, and its reader gets it', () => {
      const { peer, store } = litterer
      expect(peer.code('get_data_request', { id: [numberOf(chunk)] })).to.equal(41)
      expect(peer.exists(numberOf(chunk))).to.equal(true)
      expect(peer.code('list_data_request', { pattern: '*', regex: false, limit: 1000 })).to.equal(41)
      const fields = { id: stream, max: 1, max_bytes: MiB, templates: 0, consumed: 0 }
      const reply = store.connect(1).ask('pull_chunks_request', fields)
      expect(reply.chunks[0].slice(0, 2)).to.deep.equal([chunk, 0])
    })

    it('who waits for it and something else is told when that comes, and not who makes that', () => {
      const { peer, store } = litterer
      peer.ask('del_data_request', { id: objects })
      const { now } = Date
      const time = now()
      Date.now = () => time
      try {
        // Ids are numbered while the clock stands still.
        const next = numberOf(store.engine.metadata.reserveId())
        const [awaited, blob] = [next + 2n, next + 3n + 2n ** 63n]
        const wait = store.connect(1).send({ type: 'get_data_request', id: [awaited, blob], wait: true })
        expect(litterer.compact()).to.equal(0)
        litterer.fill('place')
        expect(store.engine.compact.find(text(awaited) as ObjectId)).to.not.equal(undefined)
        expect(wait.waits).to.equal(true)
        expect(peer.create(8)).to.equal(blob)
        expect(wait.reply.code).to.equal(41)
      } finally {
        Date.now = now
      }
    })

    it('can be watched', () => {
      expect(takeSnapshot(litterer.store.engine, true).streams).to.have.length(2)
      expect(litterer.store.engine.compact.count).to.equal(1)
    })

    it('a chunk can be deleted, but its members cannot be kept', () => {
      const { peer } = litterer
      const before = litterer.counted
      expect(peer.code('del_data_request', { id: [objects[0]!, numberOf(chunk)] })).to.equal(41)
      expect(peer.exists(objects[0]!)).to.equal(true)
      expect(peer.code('del_data_request', { id: [numberOf(chunk)], deep: true })).to.equal(0)
      expect(litterer.counted).to.be.below(before)
      expect(litterer.store.engine.compact.count).to.equal(0)
    })

    it('and a foreign reader gets it when there is room again', () => {
      const { peer, store } = litterer
      const reader = store.connect()
      const pulled = reader.pull(numberOf(stream)).reply
      expect(text(BigInt(pulled.chunk))).to.equal(chunk)
      expect(reader.code('get_data_request', { id: [numberOf(chunk)] })).to.equal(41)
      peer.ask('del_data_request', { id: objects })
      expect(reader.meta(numberOf(chunk)).typename).to.equal('vineyard::RecordBatch')
    })
  })

  it('makes objects of chunks in line as long as they take an eighth beyond the limit at most', () => {
    const litterer = new Litterer(256 * 1024)
    litterer.openStream()
    litterer.fill('compact')
    const { compact } = litterer.store.engine
    expect(litterer.peer.code('list_data_request', { pattern: '*', regex: false, limit: 10_000 })).to.equal(
      41
    )
    expect(litterer.counted).to.be.within(240 * 1024, 288 * 1024)
    expect(compact.count).to.be.above(10)
  })

  it('makes no objects of chunks for who lists others, or has listed enough', () => {
    const litterer = new Litterer()
    litterer.openStream()
    for (let i = 0; i < 5; i += 1) litterer.compact()
    const { compact } = litterer.store.engine
    const list = (pattern: string, limit: number): number =>
      Object.keys(litterer.peer.ask('list_data_request', { pattern, regex: false, limit }).content ?? {})
        .length
    expect([list('vineyard::Tensor*', 100), compact.count]).to.deep.equal([0, 5])
    expect([list('vineyard::RecordBatch', 2), compact.count]).to.deep.equal([2, 3])
    expect([list('vineyard::SchemaProxy', 100), compact.count]).to.deep.equal([5, 0])
  })

  it('refuses a chunk whose values are neither numbers nor texts', () => {
    const litterer = new Litterer()
    litterer.openStream()
    for (const value of [[1], { id: 'o1' }, null]) expect(litterer.compact([value])).to.equal(1)
    expect(litterer.store.engine.compact.count).to.equal(0)
  })

  it('refuses chunks that do not all fit, and everything that its writer has sent after them', () => {
    const litterer = new Litterer(64 * 1024)
    const { peer, store } = litterer
    const id = litterer.openStream()
    expect(litterer.part()).to.equal(0)
    const before = litterer.counted
    const block = text(peer.create(8192))
    const many = Array.from({ length: 1000 }, (_, index) => [-1, index * 8, 8]).flat()
    const write = (...parts: number[]): number =>
      peer.code('write_chunks_request', { id, templates: [], chunks: [[block, ...parts]], done: [] })
    expect(write(...many)).to.equal(41)
    expect(litterer.counted).to.equal(before)
    expect(write(-1, 0, 8)).to.equal(43)
    const reader = store.connect(1)
    const pull = (consumed: number): any =>
      reader.ask('pull_chunks_request', { id, max: 10, max_bytes: MiB, templates: 0, consumed })
    expect(pull(0).chunks).to.have.length(1)
    expect(pull(1).code).to.equal(43)
  })

  it('counts what is deleted and still looked at as a blob', () => {
    const { peer } = new Litterer(undefined, 4)
    for (let i = 0; i < 4; i += 1) {
      const blob = peer.blob(8)
      peer.ask('get_buffers_request', { ids: [blob] })
      peer.ask('del_data_request', { id: [blob] })
    }
    expect(peer.code('create_buffer_request', { size: 8 })).to.equal(41)
    peer.peer.leases.forEach((_, id) => peer.send({ type: 'release_leases', ids: [id] }))
    expect(peer.code('create_buffer_request', { size: 8 })).to.equal(0)
  })

  it('keeps nothing for a stream that goes while its writer is served', () => {
    for (const consumers of [1, 3]) {
      const litterer = new Litterer()
      const { peer, store } = litterer
      const before = litterer.counted
      const id = BigInt(consumers)
      peer.ask('create_stream_request', { object_id: id, consumers })
      const reader = store.connect()
      const pull = store.dispatcher.dispatch(
        `{"type":"pull_next_stream_chunk_request","id":${id}}`,
        reader.peer
      )
      // As where the reader cannot be told because it has gone.
      ;(pull as Waiting).attach(() => peer.ask('drop_stream_request', { id }))
      const next = (size: number): number => peer.code('get_next_stream_chunk_request', { id, size })
      expect(next(8)).to.equal(0)
      expect(next(0)).to.equal(12)
      expect(litterer.counted).to.equal(before)
    }
  })

  describe('counts more than V8 takes:', () => {
    const long: [string, (litterer: Litterer) => number][] = [
      ['long texts', litterer => litterer.object({ text: 'x'.repeat(10_000) + Math.random() })],
      ['long texts of two bytes', litterer => litterer.object({ text: 'ж'.repeat(10_000) + Math.random() })],
      [
        'many fields',
        litterer => litterer.object(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, i])))
      ],
      ['values that are texts', litterer => litterer.compact(['x'.repeat(5000) + Math.random()])]
    ]
    const short = kinds.map((kind): (typeof long)[0] => [kind, litterer => litterer[kind]()])
    // Of small things so many that what V8 keeps for itself does not matter.
    const counts: Partial<Record<string, number>> = { label: 250, template: 30, name: 10_000, place: 10_000 }
    for (const [what, add] of [...short, ...long]) {
      it(what, () => {
        const count = counts[what] ?? (kinds.includes(what as Kind) ? 2500 : 250)
        const [first, litterer] = [new Litterer(), new Litterer()]
        for (const one of [first, litterer]) one.openStream()
        for (let i = 0; i < count / 5; i += 1) add(first)
        add(litterer)
        const before = measure(litterer)
        for (let i = 0; i < count; i += 1) expect(add(litterer)).to.equal(0)
        const after = measure(litterer)
        // Blobs have a share of their own.
        const counted = after.counted - before.counted + 2048 * (after.blobs - before.blobs)
        expect(counted).to.be.above(after.heap - before.heap)
      })
    }
  })
})

function measure({ store, counted }: Litterer): { heap: number; counted: number; blobs: number } {
  // What has been read is kept in pieces as well.
  for (const record of store.engine.metadata.all()) record.text()
  globalThis.gc!()
  globalThis.gc!()
  return { heap: process.memoryUsage().heapUsed, counted, blobs: store.engine.blobs.count }
}

function numberOf(id: string): bigint {
  return BigInt(id.replace('o', '0x'))
}
