import { expect } from 'chai'
import { eventually } from '../../support/settling.js'
import { blobMember, MiB, type Sent, settled, type TestPeer, TestStore, text } from './support.js'

const size = 16 * MiB

describe('extension', () => {
  let store: TestStore
  let writer: TestPeer
  let reader: TestPeer

  beforeEach(() => {
    store = new TestStore(size)
    writer = store.connect(1)
    reader = store.connect(1)
  })

  const get = (peer: TestPeer, ...ids: bigint[]): any => peer.ask('get_buffers_request', { ids })
  const release = (peer: TestPeer, ...ids: bigint[]): any =>
    peer.send({ type: 'release_leases', ids: ids.map(text) })
  const giveBack = (peer: TestPeer, ...ids: bigint[]): any =>
    peer.send({ type: 'give_back_blobs', ids: ids.map(id => text(BigInt(id))) })
  const create = (peer: TestPeer, sizes: number[], fields: Record<string, any> = { wait: true }): any =>
    peer.send({ type: 'create_buffers_request', sizes, ...fields })

  describe('agreement', () => {
    const register = (version: any): any =>
      store.connect().ask('register_request', { store_type: 1, vineyard_streams: version })

    it('answers with the version that both know', () => {
      expect(register(1).vineyard_streams).to.equal(1)
      expect(register(7).vineyard_streams).to.equal(1)
    })

    for (const version of [0, -1, 1.5, '1', null, true]) {
      it(`does not agree on ${JSON.stringify(version)}`, () => {
        expect(register(version)).to.not.have.property('vineyard_streams')
      })
    }

    it('sends others nothing that upstream does not send', () => {
      const other = store.connect()
      expect(other.ask('register_request', { store_type: 1 })).to.not.have.property('vineyard_streams')
      const id = other.stream()
      other.ask('open_stream_request', { object_id: id, mode: 2 })
      expect(other.push(id, other.blob(5))).to.deep.equal({ type: 'push_next_stream_chunk_reply' })
      const third = store.connect()
      expect(Object.keys(third.pull(id).reply).sort()).to.deep.equal(['chunk', 'type'])
      third.close()
      expect(other.events).to.deep.equal([])
      const blob = other.blob(5)
      get(other, blob)
      other.ask('del_data_request', { id: [blob] })
      expect(store.usage).to.equal(0)
      expect(create(other, [size, size]).reply.code).to.equal(41)
    })
  })

  describe('leases', () => {
    it('hold the memory of deleted blobs until every count was given back', () => {
      const blob = writer.blob(1000)
      get(reader, blob, blob)
      get(reader, blob)
      writer.ask('del_data_request', { id: [blob] })
      expect(writer.exists(blob)).to.equal(false)
      expect(get(writer, blob).num).to.equal(0)
      for (let count = 3; count > 0; count -= 1) {
        expect(store.usage).to.equal(1000)
        expect(store.engine.blobs.leasedBytes).to.equal(1000)
        release(reader, blob)
      }
      expect(store.usage).to.equal(0)
      expect(store.engine.blobs.leasedBytes).to.equal(0)
    })

    it('are counted for each connection', () => {
      const blob = writer.blob(1000)
      get(reader, blob)
      get(writer, blob)
      writer.ask('drop_buffer_request', { id: blob })
      release(writer, blob, blob, blob)
      expect(store.usage).to.equal(1000)
      reader.close()
      expect(store.usage).to.equal(0)
    })

    it('hold the chunks of a stream', () => {
      const id = writer.stream()
      const blob = writer.blob(1000)
      writer.push(id, writer.object({ data: blobMember(blob) }))
      reader.pull(id)
      get(reader, blob)
      reader.pull(id)
      expect(writer.exists(blob)).to.equal(false)
      expect(store.usage).to.equal(1000)
      release(reader, blob)
      expect(store.usage).to.equal(0)
    })

    it('ignores ids that are not leased, or no ids', () => {
      expect(release(reader, 5n, writer.blob(5)).reply.none).to.equal(true)
      expect(reader.send({ type: 'release_leases', ids: [5, null, 'x', {}] }).reply.none).to.equal(true)
    })

    it('do not hold the empty blob and the pool', () => {
      get(reader, 2n ** 63n, 2n ** 64n - 1n)
      expect(reader.peer.leases.size).to.equal(0)
    })
  })

  describe('scoped blobs', () => {
    const scoped = (count: number): bigint[] => {
      const { ids } = create(writer, Array(count).fill(1000), { scoped: true }).reply
      for (const id of ids) writer.ask('seal_request', { object_id: id })
      return ids.map(BigInt)
    }

    it('are freed with their connection', () => {
      scoped(3)
      writer.close()
      expect(store.usage).to.equal(0)
    })

    it('live on as members of an object, or in a stream', () => {
      const [a, b] = scoped(3) as [bigint, bigint, bigint]
      const object = writer.object({ data: blobMember(a) })
      const id = writer.stream()
      writer.push(id, b)
      writer.close()
      expect(store.usage).to.equal(2000)
      expect([object, a, b].every(x => reader.exists(x))).to.equal(true)
    })
  })

  it('frees unsealed blobs of a connection that has ended', () => {
    writer.create(1000)
    const sealed = writer.blob(1000)
    const other = writer.create(1000)
    reader.ask('seal_request', { object_id: other })
    writer.close()
    expect(store.usage).to.equal(2000)
    expect(reader.exists(sealed) && reader.exists(other)).to.equal(true)
  })

  describe('events', () => {
    let id: bigint

    beforeEach(() => {
      id = writer.stream()
      writer.ask('open_stream_request', { object_id: id, mode: 2 })
    })

    it('tells the writer what has been consumed, in what push counted', () => {
      const shared = writer.chunk(500)
      const chunk = writer.object({ a: { id: text(shared) }, data: blobMember(writer.blob(1000)) })
      expect(writer.push(id, chunk).bytes).to.equal(1500)
      expect(writer.push(id, writer.blob(300)).bytes).to.equal(300)
      reader.pull(id)
      expect(writer.events).to.deep.equal([])
      reader.pull(id)
      expect(writer.events.splice(0)).to.deep.equal([
        { event: 'stream_consumed', id: text(id), chunks: 1, bytes: 1500 }
      ])
      reader.pull(id)
      expect(writer.events).to.deep.equal([
        { event: 'stream_consumed', id: text(id), chunks: 2, bytes: 1800 }
      ])
    })

    describe('to a writer that has told its window', () => {
      const told = (): number[] => writer.events.splice(0).map((event: any) => event.chunks as number)
      const pushChunks = (count: number): void => {
        for (let i = 0; i < count; i += 1) writer.push(id, writer.blob(100))
      }
      const consume = (count: number): void => {
        for (let i = 0; i < count; i += 1) reader.pull(id)
      }

      beforeEach(() => {
        id = writer.stream()
        writer.ask('open_stream_request', { object_id: id, mode: 2, window: { chunks: 8, bytes: 10_000 } })
        pushChunks(3)
        // The reader holds the third.
        consume(3)
      })

      it('says nothing while less than half of it is outstanding', () => {
        expect(told()).to.deep.equal([])
      })

      it('says what it has not said when half of it is, and everything from then on', () => {
        pushChunks(1)
        expect(told()).to.deep.equal([2])
        pushChunks(4)
        consume(2)
        expect(told()).to.deep.equal([3, 4])
      })

      it('counts bytes as well', () => {
        writer.push(id, writer.blob(4800))
        expect(told()).to.deep.equal([2])
      })

      it('says what was demanded, at once or when it has been consumed', () => {
        const demand = (chunks: number, bytes: number): Sent =>
          writer.send({ type: 'demand_room', id: text(id), chunks, bytes })
        demand(2, 200)
        expect(told()).to.deep.equal([2])
        pushChunks(2)
        demand(4, 0)
        consume(1)
        expect(told()).to.deep.equal([])
        consume(1)
        expect(told()).to.deep.equal([4])
      })

      it('refuses one that makes no sense', () => {
        const other = writer.stream()
        for (const window of [null, 5, {}, { chunks: 1 }, { chunks: 'a', bytes: 1 }])
          expect(writer.code('open_stream_request', { object_id: other, mode: 2, window })).to.equal(1)
      })
    })

    it('tells the writer that its reader went away, and refuses pushes with the same status', () => {
      reader.pull(id)
      reader.close()
      const [event] = writer.events as any[]
      expect(event).to.include({ event: 'stream_failed', id: text(id), code: 43 })
      expect(event.message).to.include('reader')
      expect(writer.push(id, 5n).code).to.equal(43)
    })

    it('tells the writer that somebody else stopped it', () => {
      reader.ask('stop_stream_request', { id, failed: true })
      expect(writer.events).to.have.length(1)
      expect(writer.push(id, 5n).code).to.equal(43)
    })

    it('does not tell the writer what it did itself', () => {
      writer.ask('stop_stream_request', { id, failed: true })
      expect(writer.events).to.deep.equal([])
    })

    it('tells the writer that it was dropped', () => {
      reader.ask('drop_stream_request', { id })
      expect(writer.events).to.have.length(1)
    })

    it('tells readers how full the store is, and how many streams are read', () => {
      writer.push(id, writer.blob(1000))
      const other = writer.stream()
      store.connect(1).pull(other)
      expect(reader.pull(id).reply).to.include({ memory_usage: 1000, memory_limit: size, readers: 2 })
      writer.ask('stop_stream_request', { id, failed: false })
      reader.pull(id)
      expect(store.engine.streams.table.readers).to.equal(1)
    })
  })

  describe('memory in advance, asked for with what is written', () => {
    const wanted = (slots: unknown): any => {
      const id = writer.stream()
      const fields = { id: text(id), templates: [], chunks: [], done: [], slots: slots as [] }
      return writer.ask('write_chunks_request', fields)
    }

    it('is as much as there is', () => {
      const { slots, store_fd, fd } = wanted([
        [2, 1000],
        [3, 5 * MiB],
        [1, 64]
      ])
      expect(slots.map((made: unknown[]) => made.length / 2)).to.deep.equal([
        2,
        Math.floor((size - 2000) / (5 * MiB)),
        1
      ])
      expect(slots[0][1]).to.be.a('number')
      expect(fd).to.equal(store_fd)
      writer.close()
      expect(store.engine.blobs.usage).to.equal(0)
    })

    it('is a sixteenth of the store at most while somebody waits for memory', async () => {
      const all = create(reader, [size], {}).reply
      reader.ask('seal_request', { object_id: BigInt(all.ids[0]) })
      create(reader, [1000], { wait: true })
      writer.ask('drop_buffer_request', { id: BigInt(all.ids[0]) })
      // The one that waits is served when what is going on has finished.
      expect(wanted([[1, size / 16 + 1]]).slots).to.deep.equal([[]])
      expect(wanted([[9, size / 64]]).slots[0]).to.have.length(2 * 4)
      await settled()
      expect(wanted([[1, size / 16 + 1]]).slots[0]).to.have.length(2)
    })

    it('is for 64 slots at most, and for what makes sense', () => {
      expect(wanted([[1000, 64]]).slots[0]).to.have.length(128)
      for (const wrong of [5, [5], [[]], [['a', 1]], [[1, null]]])
        expect(wanted(wrong).code, JSON.stringify(wrong)).to.equal(1)
      expect(
        wanted([
          [5, 0],
          [0, 5]
        ]).slots
      ).to.deep.equal([[], []])
    })
  })

  describe('waiting for memory', () => {
    const large = 10 * MiB
    let held: bigint

    beforeEach(() => {
      held = BigInt(create(reader, [large], {}).reply.ids[0])
    })

    const free = async (): Promise<void> => {
      reader.ask('drop_buffer_request', { id: held })
      await settled()
    }

    it('replies when there is room for all', async () => {
      const waiting = create(writer, [large / 2, 0, large / 2])
      expect(waiting.waits).to.equal(true)
      expect(store.usage).to.equal(large)
      await free()
      expect(waiting.reply.ids).to.have.length(3)
      expect(store.usage).to.equal(large)
    })

    it('refuses at once what can never fit', () => {
      expect(create(writer, [large, large]).reply.code).to.equal(41)
      expect(create(writer, [2 ** 60]).reply.code).to.equal(41)
    })

    it('does not wait unless asked', () => {
      expect(create(writer, [large], {}).reply.code).to.equal(41)
      expect(store.usage).to.equal(large)
    })

    it('asks those who have memory in advance for what they do not use, and gives nobody more of it', async () => {
      const ahead = BigInt(create(writer, [5 * MiB], { scoped: true }).reply.ids[0])
      const other = store.connect(1)
      const waiting = create(other, [12 * MiB])
      expect(waiting.waits).to.equal(true)
      expect(writer.events).to.deep.equal([{ event: 'memory_wanted' }])
      expect(create(writer, [2 * MiB], { scoped: true }).reply.code).to.equal(41)
      await free()
      expect(waiting.waits).to.equal(true)
      writer.ask('drop_buffer_request', { id: ahead })
      await settled()
      expect(waiting.waits).to.equal(false)
      expect(create(writer, [1000], { scoped: true }).reply.ids).to.have.length(1)
    })

    it('serves in the order of arrival, small ones not before large ones', async () => {
      const first = create(writer, [large])
      const second = create(store.connect(1), [2 * MiB])
      expect(second.waits).to.equal(true)
      await free()
      expect(first.waits || second.waits).to.equal(false)
    })

    it('lets others have a sixteenth of the store meanwhile, as often as it comes back', async () => {
      const first = create(writer, [large])
      const others = [1, 2, 3].map(() => store.connect(1))
      const giveUp = (peer: TestPeer, { reply }: Sent): any =>
        peer.ask('drop_buffer_request', { id: BigInt(reply.ids[0]) })
      for (let round = 0; round < 3; round += 1) {
        const made = others.map(peer => create(peer, [size / 32]))
        expect(made.map(({ waits }) => waits)).to.deep.equal([false, false, true])
        for (const index of [0, 1]) giveUp(others[index] as TestPeer, made[index])
        await settled()
        expect(made[2].waits).to.equal(false)
        giveUp(others[2] as TestPeer, made[2])
      }
      expect(first.waits).to.equal(true)
    })

    it('lets others go when the first cannot go on for a while', async () => {
      const first = create(writer, [large])
      const second = create(store.connect(1), [2 * MiB])
      const third = create(store.connect(1), [3 * MiB])
      await new Promise(resolve => setTimeout(resolve, 150))
      expect(second.waits || third.waits).to.equal(false)
      expect(first.waits).to.equal(true)
      // As long as they are let go they need not wait at all.
      expect(create(store.connect(1), [MiB / 2]).waits).to.equal(false)
    })

    it('holds them back from time to time, so that a large one is served if it fits at all', async () => {
      await free()
      let going = true
      // One after the other, and always one of them: all of the store is never free as long as they may go on.
      const others = Array.from({ length: 8 }, () => store.connect(1))
      const made = others.map(peer => create(peer, [size / 256]))
      const turn = (index: number): void => {
        const { reply } = made[index]
        if (reply === undefined) return
        made[index] = create(others[index] as TestPeer, [size / 256])
        others[index]?.ask('drop_buffer_request', { id: BigInt(reply.ids[0]) })
      }
      const first = create(writer, [size])
      let turns = 0
      while (going) {
        turn(turns % 8)
        turns += 1
        await new Promise(resolve => setTimeout(resolve, 1))
        going = first.waits && turns < 5000
      }
      expect(first.waits).to.equal(false)
      expect(turns).to.be.above(50)
    })

    it('gives back what a connection has in advance, even while a request of it waits', async () => {
      const ahead = create(writer, [5 * MiB], { scoped: true }).reply
      const waiting = create(writer, [6 * MiB])
      expect(waiting.waits).to.equal(true)
      giveBack(reader, ahead.ids[0])
      await settled()
      expect(waiting.waits).to.equal(true)
      giveBack(writer, ahead.ids[0])
      await settled()
      expect(waiting.waits).to.equal(false)
    })

    it('asks for what others have in advance before it refuses what is not to wait', async () => {
      const ahead = create(writer, [5 * MiB], { scoped: true }).reply
      const put = create(reader, [6 * MiB], {})
      expect(put.waits).to.equal(true)
      expect(writer.events).to.deep.equal([{ event: 'memory_wanted' }])
      giveBack(writer, ahead.ids[0])
      await settled()
      expect(put.reply.ids).to.have.length(1)
      create(writer, [MiB / 2], { scoped: true })
      const late = create(reader, [MiB], {})
      await eventually(() => !late.waits, 'the refusal')
      expect(late.reply.code).to.equal(41)
    })

    it('forgets a connection that ends, and serves the next', async () => {
      create(writer, [large])
      const second = create(store.connect(1), [1000])
      writer.close()
      await settled()
      expect(second.waits).to.equal(false)
      expect(store.engine.memory.length).to.equal(0)
    })

    it('is served when a lease ends', async () => {
      reader.ask('seal_request', { object_id: held })
      get(reader, held)
      reader.ask('drop_buffer_request', { id: held })
      const waiting = create(writer, [large])
      expect(waiting.waits).to.equal(true)
      release(reader, held)
      await settled()
      expect(waiting.waits).to.equal(false)
    })

    it('is served when a blob shrinks', async () => {
      const waiting = create(writer, [size - 2000])
      reader.ask('shrink_buffer_request', { id: held, size: 1000 })
      await settled()
      expect(waiting.waits).to.equal(false)
    })

    for (const [what, end] of [
      ['fails', (id: bigint) => reader.ask('stop_stream_request', { id, failed: true })],
      ['is dropped', (id: bigint) => reader.ask('drop_stream_request', { id })],
      ['loses its reader', () => reader.close()]
    ] as const) {
      it(`ends with 43 when the stream ${what}`, () => {
        const id = writer.stream()
        writer.ask('open_stream_request', { object_id: id, mode: 2 })
        reader.ask('seal_request', { object_id: held })
        reader.ask('open_stream_request', { object_id: id, mode: 1 })
        const waiting = create(writer, [large])
        end(id)
        expect(waiting.reply.code).to.equal(43)
        expect(store.engine.memory.length).to.equal(0)
      })
    }

    it('only concerns the stream that the request names', () => {
      const [a, b] = [writer.stream(), writer.stream()]
      for (const object_id of [a, b]) writer.ask('open_stream_request', { object_id, mode: 2 })
      const waiting = create(writer, [large], { wait: true, stream: a })
      reader.ask('drop_stream_request', { id: b })
      expect(waiting.waits).to.equal(true)
      reader.ask('drop_stream_request', { id: a })
      expect(waiting.reply.code).to.equal(43)
    })
  })
})
