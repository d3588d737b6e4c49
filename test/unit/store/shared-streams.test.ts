import { expect } from 'chai'
import { MiB, settled, type Sent, type TestPeer, TestStore, text } from './support.js'

const size = 16 * MiB

describe('streams that are shared', () => {
  let store: TestStore
  let writer: TestPeer
  let id: bigint

  beforeEach(() => {
    store = new TestStore(size)
    writer = store.connect(1)
  })

  /** Makes the stream, and opens it for writing. */
  function create(fields: Record<string, any>): void {
    id = writer.object({ typename: 'vineyard::RecordBatchStream' })
    expect(writer.code('create_stream_request', { object_id: id, ...fields })).to.equal(0)
    expect(writer.code('open_stream_request', { object_id: id, mode: 2 })).to.equal(0)
  }

  const openReader = (peer = store.connect(1)): TestPeer => {
    expect(peer.code('open_stream_request', { object_id: id, mode: 1 })).to.equal(0)
    return peer
  }
  const push = (bytes = 1000): string => {
    const chunk = writer.chunk(bytes)
    expect(writer.push(id, chunk).code).to.equal(undefined)
    return text(chunk)
  }
  const pull = (peer: TestPeer, fields: Record<string, any> = {}): Sent =>
    peer.send({
      type: 'pull_chunks_request',
      id: text(id),
      max: 1,
      max_bytes: MiB,
      templates: 0,
      consumed: 0,
      ...fields
    })
  const taken = (peer: TestPeer, fields?: Record<string, any>): string => pull(peer, fields).reply.chunks[0]
  const leave = (peer: TestPeer): Sent => peer.send({ type: 'leave_stream', id: text(id) })
  const stop = (): number => writer.code('stop_stream_request', { id, failed: false })
  /** The writer's window holds it until so many chunks have been consumed. */
  const demand = (chunks: number): Sent =>
    writer.send({ type: 'demand_room', id: text(id), chunks, bytes: 0 })
  const consumed = (): number =>
    writer.events.filter(({ event }) => event === 'stream_consumed').reduce((_, e: any) => e.chunks, 0)

  it("hold as many chunks as a million places in line allow, and are no more than a quarter of a million readers' in all", () => {
    create({ consumers: 1024, policy: 'drop' })
    const reader = openReader()
    for (let count = 0; count < 1023; count += 1) push()
    // What a reader keeps is still held: 4 KiB, a quarter of the store divided by its readers.
    expect(pull(reader, { max: 100, max_bytes: MiB }).reply.chunks).to.have.length(4)
    push()
    expect(writer.push(id, writer.chunk(10)).code).to.equal(41)
    const more = (consumers: number): number =>
      writer.code('create_stream_request', { object_id: writer.object(), consumers })
    for (let count = 1; count < 256; count += 1) expect(more(1024)).to.equal(0)
    expect(more(1)).to.equal(41)
    writer.send({ type: 'drop_stream_request', id })
    expect(more(1024)).to.equal(0)
    expect(more(1)).to.equal(41)
  })

  it('says no to what makes no sense, and to others than this package’s clients', () => {
    const refused = (fields: Record<string, any>): number =>
      writer.code('create_stream_request', { object_id: writer.object(), ...fields })
    for (const consumers of [0, 1025, 'two', -1]) expect(refused({ consumers })).to.equal(1)
    expect(refused({ consumers: 2, policy: 'hope' })).to.equal(1)
    expect(refused({ consumers: 1, resumable: 'yes' })).to.equal(1)
    for (const policy of ['drop', 'evict'])
      expect(refused({ consumers: 1, policy, resumable: true })).to.equal(1)
    // A foreign client's field is nobody's business, as every unknown one.
    const other = store.connect()
    id = other.object()
    expect(other.code('create_stream_request', { object_id: id, consumers: 2 })).to.equal(0)
    expect(other.code('open_stream_request', { object_id: id, mode: 1 })).to.equal(0)
    expect(store.connect(1).code('open_stream_request', { object_id: id, mode: 1 })).to.equal(45)
  })

  it('gives each reader every chunk in order, keeps one copy, and deletes with the last', () => {
    create({ consumers: 3 })
    const chunks = [push(), push(), push()]
    expect(store.usage).to.equal(3000)
    const readers = [openReader(), openReader()]
    for (const reader of readers) for (const chunk of chunks) expect(taken(reader)).to.equal(chunk)
    for (const reader of readers) expect(taken.bind(0, reader, { consumed: 3 })).to.throw()
    // The third has not come yet: everything is kept for it.
    expect(store.usage).to.equal(3000)
    expect(consumed()).to.equal(0)
    const third = openReader(store.connect())
    for (const [index, chunk] of chunks.entries()) {
      expect(text(BigInt(third.pull(id).reply.chunk))).to.equal(chunk)
      expect(consumed()).to.equal(index)
    }
    stop()
    expect(third.pull(id).reply.code).to.equal(42)
    expect(consumed()).to.equal(3)
    third.close()
    expect(store.usage).to.equal(0)
  })

  it('refuses one reader too many, also one that pulls without opening', () => {
    create({ consumers: 2 })
    const reader = openReader()
    openReader()
    push()
    expect(store.connect(1).code('open_stream_request', { object_id: id, mode: 1 })).to.equal(45)
    expect(reader.code('open_stream_request', { object_id: id, mode: 1 })).to.equal(45)
    expect(pull(store.connect(1)).reply.code).to.equal(45)
    expect(store.connect().pull(id).reply.code).to.equal(45)
    expect(taken(reader)).to.be.a('string')
  })

  it('goes on when one reader is gone, and fails the writer when all are', () => {
    create({ consumers: 2 })
    const [one, two] = [openReader(), openReader()]
    const chunks = [push(), push()]
    expect(taken(one)).to.equal(chunks[0])
    one.close()
    expect(store.usage).to.equal(2000)
    // Its seat is not given to another: that one would see only the rest.
    expect(store.connect(1).code('open_stream_request', { object_id: id, mode: 1 })).to.equal(45)
    for (const chunk of chunks) expect(taken(two)).to.equal(chunk)
    expect(writer.events.map(({ event }) => event)).to.not.include('stream_failed')
    leave(two)
    expect(writer.events.at(-1)).to.include({ event: 'stream_failed', code: 43 })
    expect(writer.push(id, 5n).code).to.equal(43)
    expect(store.usage).to.equal(0)
    expect(store.engine.streams.table.readers).to.equal(0)
  })

  it('tells every reader of the end, of a failure, and of the drop', () => {
    for (const [end, code] of [
      ['stop', 42],
      ['fail', 43],
      ['drop', 43]
    ] as const) {
      create({ consumers: 2 })
      const waiting = [pull(openReader()), pull(openReader())]
      if (end === 'drop') writer.code('drop_stream_request', { id })
      else writer.code('stop_stream_request', { id, failed: end === 'fail' })
      for (const { reply } of waiting) expect(reply.code).to.equal(code)
    }
  })

  describe('with the policy wait', () => {
    it('holds the window until the slowest has left a chunk behind', () => {
      create({ consumers: 2 })
      const [fast, slow] = [openReader(), openReader()]
      push()
      push()
      demand(1)
      taken(fast)
      taken(fast, { consumed: 1 })
      pull(fast, { consumed: 1 })
      expect(consumed()).to.equal(0)
      taken(slow)
      expect(consumed()).to.equal(0)
      taken(slow, { consumed: 1 })
      expect(consumed()).to.equal(1)
    })
  })

  describe('with the policy drop', () => {
    it('lets slow readers miss their oldest chunks, and tells them how many', () => {
      create({ consumers: 2, policy: 'drop' })
      const [fast, slow] = [openReader(), openReader()]
      const chunks = [push(), push(), push(), push()]
      expect(taken(fast)).to.equal(chunks[0])
      expect(consumed()).to.equal(0)
      demand(3)
      // What has been given to a reader is its own; the fast one has missed two of the three.
      expect(consumed()).to.equal(3)
      expect(pull(slow).reply).to.deep.include({ chunks: [chunks[3]], missed: 3 })
      expect(pull(fast).reply).to.deep.include({ chunks: [chunks[3]], missed: 2 })
      // The first one is held by its reader, the last by both.
      expect(store.usage).to.equal(2000)
    })

    it('makes room as soon as what it is asked for has come, and never waits for readers that did not', () => {
      create({ consumers: 2, policy: 'drop' })
      demand(2)
      for (let number = 0; number < 2; number += 1) push()
      expect(consumed()).to.equal(2)
      expect(store.usage).to.equal(0)
    })

    it('frees memory for its writer, but not for others', async () => {
      create({ consumers: 1, policy: 'drop' })
      openReader()
      for (let number = 0; number < 3; number += 1) push(5 * MiB)
      const create5 = { type: 'create_buffers_request', sizes: [5 * MiB], wait: true }
      const other = store.connect(1).send(create5)
      await settled()
      expect(other.waits).to.equal(true)
      const own = writer.send({ ...create5, stream: id })
      await settled()
      expect([other.waits, own.waits]).to.deep.equal([true, true])
      // The writer's turn comes when the store sees that the one before it cannot be served.
      while (own.waits) await settled()
      expect(store.usage).to.be.at.most(15 * MiB)
    })
  })

  describe('give up nothing in vain when memory is short', () => {
    /** The store but for `free` bytes, in the hands of somebody else. */
    const takeAllBut = (free: number): bigint => store.connect().blob(size - free)
    const wait = (bytes: number): Sent =>
      writer.send({ type: 'create_buffers_request', sizes: [bytes], wait: true })
    /** Long enough for the queue to have tried everything. */
    const later = async (): Promise<void> => {
      const start = performance.now()
      while (performance.now() - start < 200) await settled()
    }

    for (const policy of ['drop', 'evict']) {
      it(`with the policy ${policy}: because others have it`, async () => {
        create({ consumers: 2, policy })
        const [fast, slow] = [openReader(), openReader()]
        const others = takeAllBut(2 * MiB)
        const chunks = [push(MiB / 4), push(MiB / 4)]
        for (const chunk of chunks) expect(taken(fast, { consumed: 1 })).to.equal(chunk)
        pull(fast, { consumed: 1 })
        const more = wait(3 * MiB)
        await later()
        expect(more.waits).to.equal(true)
        expect(taken(slow)).to.equal(chunks[0])
        store.connect().ask('drop_buffer_request', { id: others })
        await settled()
        expect(more.waits).to.equal(false)
        expect(pull(slow, { consumed: 1 }).reply).to.deep.include({ chunks: [chunks[1]], missed: 0 })
      })

      it(`with the policy ${policy}: because what comes free would lie in pieces`, async () => {
        create({ consumers: 2, policy })
        const [fast, slow] = [openReader(), openReader()]
        const other = store.connect()
        for (let number = 0; number < 8; number += 1) {
          push(MiB)
          other.blob(MiB)
        }
        for (let number = 0; number < 8; number += 1) taken(fast, { consumed: Math.min(number, 1) })
        pull(fast, { consumed: 1 })
        const large = wait(2 * MiB)
        await later()
        expect(large.waits).to.equal(true)
        expect(pull(slow).reply).to.include({ missed: 0 })
      })

      it(`with the policy ${policy}: until a reader has left what only others are to get`, async () => {
        create({ consumers: 2, policy })
        const [fast, slow] = [openReader(), openReader()]
        const chunk = push(10 * MiB)
        expect(taken(fast)).to.equal(chunk)
        const more = wait(10 * MiB)
        await later()
        expect(more.waits).to.equal(true)
        pull(fast, { consumed: 1 })
        await settled()
        expect(more.waits).to.equal(false)
        if (policy === 'drop') {
          const next = push(1000)
          expect(pull(slow).reply).to.deep.include({ chunks: [next], missed: 1 })
        } else expect(pull(slow).reply.code).to.equal(1043)
      })
    }

    it('but what lies in a block goes when all of it can, and nobody looks at it any more', async () => {
      create({ consumers: 2, policy: 'drop' })
      const [fast, slow] = [openReader(), openReader()]
      const block = text(writer.create(10 * MiB))
      const chunks = [[block, -1, 0, 5 * MiB, -1, 5 * MiB, 5 * MiB]]
      const written = writer.ask('write_chunks_request', {
        id: text(id),
        templates: [],
        chunks,
        done: [block]
      })
      expect(written.code).to.equal(undefined)
      taken(fast)
      const more = wait(10 * MiB)
      await later()
      expect(more.waits).to.equal(true)
      expect(pull(fast, { consumed: 1 }).reply).to.include({ missed: 0 })
      await later()
      expect(more.waits).to.equal(true)
      pull(fast, { consumed: 1 })
      await settled()
      expect(more.waits).to.equal(false)
      expect(pull(slow).waits).to.equal(true)
    })

    it('nor what a reader has a lease on', async () => {
      create({ consumers: 1, policy: 'drop' })
      const reader = openReader()
      const chunk = writer.blob(10 * MiB)
      writer.push(id, chunk)
      reader.ask('get_buffers_request', { ids: [chunk] })
      const more = wait(10 * MiB)
      await later()
      expect(more.waits).to.equal(true)
      reader.send({ type: 'release_leases', ids: [text(chunk)] })
      await settled()
      expect(more.waits).to.equal(false)
    })
  })

  describe('with the policy evict', () => {
    it('fails the reader that makes both the writer and another reader wait', () => {
      create({ consumers: 3, policy: 'evict' })
      const [fast, middle, slow] = [openReader(), openReader(), openReader()]
      for (let number = 0; number < 3; number += 1) push()
      demand(1)
      taken(slow)
      taken(middle)
      taken(middle, { consumed: 1 })
      taken(fast)
      taken(fast, { consumed: 1 })
      taken(fast, { consumed: 1 })
      expect(consumed()).to.equal(0)
      const waiting = pull(fast, { consumed: 1 })
      expect(consumed()).to.equal(1)
      expect(pull(slow).reply.code).to.equal(1043)
      expect(taken(middle)).to.be.a('string')
      const last = push()
      expect(waiting.reply.chunks).to.deep.equal([last])
      // Nobody takes its seat, and its end changes nothing.
      slow.close()
      expect(store.connect(1).code('open_stream_request', { object_id: id, mode: 1 })).to.equal(45)
      expect(writer.push(id, writer.chunk(5)).code).to.equal(undefined)
    })

    it('tells a reader that was evicted even when the others have gone, and the writer that they have', () => {
      create({ consumers: 2, policy: 'evict' })
      const [fast, slow] = [openReader(), openReader()]
      push()
      demand(1)
      taken(fast)
      pull(fast, { consumed: 1 })
      leave(fast)
      expect(writer.events.at(-1)).to.include({ event: 'stream_failed', code: 43 })
      expect(pull(slow).reply.code).to.equal(1043)
      leave(slow)
      expect(store.engine.streams.table.count).to.equal(0)
    })

    it('evicts nobody while all are equally slow, and none that has not come', () => {
      create({ consumers: 2, policy: 'evict' })
      const one = openReader()
      for (let number = 0; number < 2; number += 1) push()
      demand(1)
      taken(one)
      taken(one, { consumed: 1 })
      pull(one, { consumed: 1 })
      expect(consumed()).to.equal(0)
      const two = openReader()
      taken(two)
      taken(two, { consumed: 1 })
      expect(consumed()).to.equal(1)
    })

    it('gives one that comes late a second to catch up', async () => {
      create({ consumers: 2, policy: 'evict' })
      const one = openReader()
      push()
      demand(1)
      taken(one)
      pull(one, { consumed: 1 })
      const two = openReader()
      const start = performance.now()
      taken(two)
      while (consumed() === 0) await settled()
      expect(performance.now() - start).to.be.at.least(900)
      expect(pull(two).reply.code).to.equal(1043)
    })

    it('gives a foreign reader upstream’s code', () => {
      create({ consumers: 2, policy: 'evict' })
      const [fast, slow] = [openReader(), openReader(store.connect())]
      push()
      demand(1)
      expect(slow.pull(id).reply.code).to.equal(undefined)
      taken(fast)
      pull(fast, { consumed: 1 })
      expect(slow.pull(id).reply.code).to.equal(43)
    })

    it('frees memory for its writer as soon as a reader has nothing left', async () => {
      create({ consumers: 2, policy: 'evict' })
      const [fast, slow] = [openReader(), openReader()]
      for (let number = 0; number < 3; number += 1) push(5 * MiB)
      const more = writer.send({ type: 'create_buffers_request', sizes: [5 * MiB], wait: true })
      for (let number = 0; number < 3; number += 1) taken(fast, { consumed: Math.min(number, 1) })
      await settled()
      expect(more.waits).to.equal(true)
      pull(fast, { consumed: 1 })
      await settled()
      expect(more.waits).to.equal(false)
      expect(pull(slow).reply.code).to.equal(1043)
    })
  })

  describe('that are resumable', () => {
    for (const end of ['close', 'leave'] as const) {
      it(`deliver again what a reader had and did not take before its ${end}`, () => {
        create({ consumers: 1, resumable: true })
        const chunks = [push(), push(), push(), push()]
        const first = openReader()
        for (let number = 0; number < 3; number += 1) taken(first)
        first.send({ type: 'consume_chunks', id: text(id), count: 1 })
        if (end === 'close') first.close()
        else leave(first)
        expect(consumed()).to.equal(1)
        expect(writer.events.map(({ event }) => event)).to.not.include('stream_failed')
        const second = openReader()
        for (const chunk of chunks.slice(1)) expect(taken(second)).to.equal(chunk)
        stop()
        expect(pull(second, { consumed: 3 }).reply.code).to.equal(42)
        second.close()
        expect(store.usage).to.equal(0)
        expect(store.engine.streams.table.count).to.equal(0)
      })
    }

    it('have one reader at a time, and the next one when that has gone', () => {
      create({ consumers: 1, resumable: true })
      const first = openReader()
      const waiting = pull(first)
      expect(store.connect(1).code('open_stream_request', { object_id: id, mode: 1 })).to.equal(45)
      leave(first)
      expect(waiting.reply.code).to.equal(43)
      const second = pull(openReader())
      const chunk = push()
      expect(second.reply.chunks).to.deep.equal([chunk])
    })

    it('keep what a foreign reader had in hand', () => {
      create({ consumers: 1, resumable: true })
      const chunks = [push(), push()]
      const python = openReader(store.connect())
      python.pull(id)
      python.pull(id)
      python.close()
      expect(consumed()).to.equal(1)
      expect(taken(openReader())).to.equal(chunks[1])
    })

    it('keep their place for each of several readers', () => {
      create({ consumers: 2, resumable: true })
      const chunks = [push(), push()]
      const [one, two] = [openReader(), openReader()]
      taken(one)
      taken(one, { consumed: 1 })
      two.close()
      one.close()
      // The seats are free again, the first one where it was left.
      expect(taken(openReader())).to.equal(chunks[1])
      expect(taken(openReader())).to.equal(chunks[0])
    })

    it('outlive their writer, until they are dropped', () => {
      create({ consumers: 1, resumable: true })
      const chunk = push()
      stop()
      openReader().close()
      writer.close()
      const second = openReader()
      expect(taken(second)).to.equal(chunk)
      second.close()
      expect(store.usage).to.equal(1000)
      expect(store.connect().code('drop_stream_request', { id })).to.equal(0)
      expect(store.usage).to.equal(0)
    })
  })

  describe('have totals that only grow', () => {
    /** Chunks of 1000 bytes. */
    const watched = (): { written: number; read: number } => {
      const { totals } = writer.ask('store_snapshot_request').snapshot
      const { chunksWritten: written, chunksRead: read } = totals
      expect(totals).to.include({ bytesWritten: written * 1000, bytesRead: read * 1000 })
      return { written, read }
    }
    const waits = (): unknown => writer.ask('store_snapshot_request').snapshot.streams[0].waitingBytes
    const drop = (): number => writer.code('drop_stream_request', { id })

    it('and count what is held once, though the window does not hold it', () => {
      create({ consumers: 1, policy: 'drop' })
      for (let number = 0; number < 4; number += 1) push()
      const reader = openReader()
      taken(reader)
      expect([watched(), waits()]).to.deep.equal([{ written: 4, read: 1 }, 3000])
      pull(reader, { max: 3 })
      expect([watched(), waits()]).to.deep.equal([{ written: 4, read: 4 }, 0])
      drop()
      expect(watched()).to.deep.equal({ written: 4, read: 4 })
    })

    it('and count once what is delivered again', () => {
      create({ consumers: 1, resumable: true })
      for (let number = 0; number < 4; number += 1) push()
      const first = openReader()
      pull(first, { max: 3 })
      expect([watched(), waits()]).to.deep.equal([{ written: 4, read: 3 }, 1000])
      first.close()
      expect([watched(), waits()]).to.deep.equal([{ written: 4, read: 3 }, 4000])
      pull(openReader(), { max: 4 })
      expect([watched(), waits()]).to.deep.equal([{ written: 4, read: 4 }, 0])
    })

    it('and count as read what the last reader has, or does without after another had it', () => {
      create({ consumers: 2, policy: 'drop' })
      for (let number = 0; number < 4; number += 1) push()
      const [one, two] = [openReader(), openReader()]
      taken(one)
      taken(one)
      expect(watched()).to.deep.equal({ written: 4, read: 0 })
      taken(two)
      expect(watched()).to.deep.equal({ written: 4, read: 1 })
      // Nobody has had the third one.
      demand(3)
      expect(watched()).to.deep.equal({ written: 4, read: 2 })
      two.close()
      one.close()
      expect(watched()).to.deep.equal({ written: 4, read: 2 })
    })
  })
})
