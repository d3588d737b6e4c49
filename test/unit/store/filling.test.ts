import { expect } from 'chai'
import { MiB, type TestPeer, TestStore, text } from './support.js'

const size = 16 * MiB
const bytes = 10 * MiB

/** Ways in which somebody else ends a blob. */
const ends: Record<string, (other: TestPeer, id: bigint) => void> = {
  clear: other => other.ask('clear_request'),
  del_data: (other, id) => other.ask('del_data_request', { id: [id] }),
  'del_data on the fast path': (other, id) => other.ask('del_data_request', { id: [id], fastpath: true }),
  drop_buffer: (other, id) => other.ask('drop_buffer_request', { id }),
  'seal and drop_buffer': (other, id) => {
    other.ask('seal_request', { object_id: id })
    other.ask('drop_buffer_request', { id })
  }
}

for (const [kind, extension] of [
  ['this package', 1],
  ['somebody else', 0]
] as const) {
  describe(`memory that a client of ${kind} fills`, () => {
    let store: TestStore
    let creator: TestPeer
    let other: TestPeer
    let id: bigint

    beforeEach(() => {
      store = new TestStore(size)
      creator = store.connect(extension)
      other = store.connect()
      id = creator.create(bytes)
    })

    /** Whether its memory can be given to somebody. */
    function isFree(): boolean {
      const code = other.code('create_buffer_request', { size: bytes })
      expect(store.usage).to.equal(bytes)
      return code === 0
    }

    for (const [how, end] of Object.entries(ends)) {
      describe(`and others end with ${how}`, () => {
        beforeEach(() => end(other, id))

        it('has no id any more, and is for nobody until the connection ends', () => {
          expect(other.exists(id)).to.equal(false)
          expect(isFree()).to.equal(false)
          creator.close()
          expect(store.usage).to.equal(0)
          expect(isFree()).to.equal(true)
        })

        for (const [what, hear] of Object.entries<() => number>({
          'seals it': () => creator.code('seal_request', { object_id: id }),
          'drops it': () => creator.code('drop_buffer_request', { id }),
          'shrinks it': () => creator.code('shrink_buffer_request', { id, size: 1 }),
          'deletes it': () => creator.code('del_data_request', { id: [id] }) || 12
        })) {
          it(`is free once the client ${what}, and hears that there is no such blob`, () => {
            expect(hear()).to.equal(12)
            expect(isFree()).to.equal(true)
            expect(hear()).to.equal(12)
            creator.close()
            expect(store.usage).to.equal(bytes)
          })
        }
      })
    }

    it('is free at once if the client itself deletes it, sealed by others or not', () => {
      creator.ask('clear_request')
      expect(store.usage).to.equal(0)
      const sealed = creator.create(bytes)
      other.ask('seal_request', { object_id: sealed })
      creator.ask('drop_buffer_request', { id: sealed })
      expect(isFree()).to.equal(true)
    })

    it('is free at once if it was sealed before it is deleted', () => {
      creator.ask('seal_request', { object_id: id })
      other.ask('drop_buffer_request', { id })
      expect(isFree()).to.equal(true)
    })

    it('survives its connection if others have sealed it', () => {
      other.ask('seal_request', { object_id: id })
      creator.close()
      expect(other.exists(id)).to.equal(true)
      other.ask('drop_buffer_request', { id })
      expect(isFree()).to.equal(true)
    })
  })
}

describe('memory that others use', () => {
  let store: TestStore
  let creator: TestPeer
  let other: TestPeer
  let id: bigint
  const shrink = (by: TestPeer): number => by.code('shrink_buffer_request', { id, size: 1 })

  beforeEach(() => {
    store = new TestStore(size)
    creator = store.connect(1)
    other = store.connect(1)
    id = creator.create(bytes)
  })

  it('is shrunk by nobody but its creator', () => {
    expect(shrink(other)).to.equal(1)
    expect(store.usage).to.equal(bytes)
    expect(shrink(creator)).to.equal(0)
    expect(store.usage).to.equal(1)
  })

  it('is not shrunk while chunks lie in it', () => {
    const stream = creator.stream()
    const chunks = [[text(id), -1, 0, 100, -1, MiB, MiB]]
    creator.ask('open_stream_request', { object_id: stream, mode: 2 })
    creator.ask('write_chunks_request', { id: text(stream), templates: [], chunks, done: [] })
    for (const by of [creator, other]) expect(shrink(by)).to.equal(1)
    for (let pull = 0; pull < 3; pull += 1) other.pull(stream)
    expect(shrink(creator)).to.equal(0)
  })

  it('is not shrunk while somebody looks at it', () => {
    other.ask('get_buffers_request', { ids: [id], unsafe: true })
    expect(shrink(creator)).to.equal(1)
    expect(store.engine.blobs.leasedBytes).to.equal(bytes)
    other.send({ type: 'release_leases', ids: [text(id)] })
    expect(shrink(creator)).to.equal(0)
    expect([store.usage, store.engine.blobs.leasedBytes]).to.deep.equal([1, 0])
  })
})

describe('memory that a writer has in advance', () => {
  let store: TestStore
  let writer: TestPeer
  let other: TestPeer
  let ahead: bigint

  beforeEach(() => {
    store = new TestStore(size)
    writer = store.connect(1)
    other = store.connect()
    ahead = BigInt(writer.ask('create_buffers_request', { sizes: [bytes], scoped: true }).ids[0])
  })

  it('is asked back after others have deleted it', () => {
    other.ask('clear_request')
    const waiting = store.connect(1).send({ type: 'create_buffers_request', sizes: [bytes], wait: true })
    expect(waiting.waits).to.equal(true)
    expect(writer.events).to.deep.equal([{ event: 'memory_wanted' }])
    expect(writer.code('drop_buffer_request', { id: ahead })).to.equal(12)
    expect(store.usage).to.equal(0)
  })

  it('stays with chunks that lie in it', () => {
    const id = writer.stream()
    const chunks = [[text(ahead), -1, 0, 100]]
    writer.ask('open_stream_request', { object_id: id, mode: 2 })
    writer.ask('write_chunks_request', { id: text(id), templates: [], chunks, done: [] })
    other.ask('drop_buffer_request', { id: ahead })
    writer.close()
    expect(store.usage).to.equal(bytes)
    other.pull(id)
    other.close()
    expect(store.usage).to.equal(0)
  })

  it('is no chunk if others have sealed it', () => {
    const id = writer.stream()
    const chunks = [[-1, text(ahead)]]
    writer.ask('open_stream_request', { object_id: id, mode: 2 })
    other.ask('seal_request', { object_id: ahead })
    const code = writer.code('write_chunks_request', { id: text(id), templates: [], chunks, done: [] })
    expect(code).to.equal(1)
    writer.close()
    expect(store.usage).to.equal(0)
  })
})

describe('memory that get_next_stream_chunk has made', () => {
  let store: TestStore
  let writer: TestPeer
  let reader: TestPeer
  let id: bigint
  const next = (): number => writer.code('get_next_stream_chunk_request', { id, size: bytes })

  beforeEach(() => {
    store = new TestStore(size)
    writer = store.connect()
    reader = store.connect()
    id = writer.stream()
    writer.ask('open_stream_request', { object_id: id, mode: 2 })
    reader.ask('open_stream_request', { object_id: id, mode: 1 })
    expect(next()).to.equal(0)
  })

  for (const [what, end] of Object.entries<() => unknown>({
    'fails the stream': () => reader.ask('stop_stream_request', { id, failed: true }),
    'drops the stream': () => reader.ask('drop_stream_request', { id }),
    'goes away': () => reader.close(),
    'clears the store': () => reader.ask('clear_request')
  })) {
    for (const [how, hear] of Object.entries<() => unknown>({
      'asks for the next': next,
      stops: () => writer.code('stop_stream_request', { id, failed: false }),
      'drops the stream': () => writer.code('drop_stream_request', { id }),
      'goes away': () => writer.close()
    })) {
      it(`is the writer's after the reader ${what}, until it ${how}`, () => {
        end()
        // What was sealed for the reader is the chunk that it pulls.
        reader.pull(id)
        reader.close()
        expect(store.usage).to.equal(bytes)
        hear()
        const other = store.connect()
        other.ask('drop_stream_request', { id })
        if (how === 'asks for the next' && what === 'clears the store') writer.close()
        expect(store.usage).to.equal(0)
      })
    }
  }
})
