import { expect } from 'chai'
import type { ObjectId } from '#dist/protocol/ids.js'
import { eventually } from '../../support/settling.js'
import { MiB, settled, type TestPeer, TestStore, text } from './support.js'

const size = 16 * MiB

describe('streams', () => {
  let store: TestStore
  let writer: TestPeer
  let reader: TestPeer
  let id: bigint

  beforeEach(() => {
    store = new TestStore(size)
    writer = store.connect()
    reader = store.connect()
    id = writer.stream()
  })

  const stop = (failed = false): number => writer.code('stop_stream_request', { id, failed })
  const drop = (): number => writer.code('drop_stream_request', { id })
  const next = (bytes: number): any => writer.send({ type: 'get_next_stream_chunk_request', id, size: bytes })
  const open = (peer: TestPeer, mode: number): number =>
    peer.code('open_stream_request', { object_id: id, mode })

  it('delivers chunks in order, then the end', () => {
    for (const chunk of [5n, 6n, 7n])
      expect(writer.push(id, chunk).type).to.equal('push_next_stream_chunk_reply')
    expect(stop()).to.equal(0)
    for (const chunk of [5, 6, 7]) expect(reader.pull(id).reply.chunk).to.equal(chunk)
    expect(reader.pull(id).reply.code).to.equal(42)
    expect(reader.pull(id).reply.code).to.equal(42)
  })

  it('delivers what is queued before the failure', () => {
    writer.push(id, 5n)
    stop(true)
    expect(reader.pull(id).reply.chunk).to.equal(5)
    expect(reader.pull(id).reply.code).to.equal(43)
  })

  it('wakes a waiting pull with a chunk or the end', () => {
    const first = reader.pull(id)
    expect(first.waits).to.equal(true)
    writer.push(id, 5n)
    expect(first.reply.chunk).to.equal(5)
    const second = reader.pull(id)
    stop()
    expect(second.reply.code).to.equal(42)
  })

  it('refuses a second waiting pull', () => {
    reader.pull(id)
    expect(store.connect().pull(id).reply.code).to.equal(44)
  })

  it('answers with upstream codes', () => {
    expect(writer.code('create_stream_request', { object_id: id })).to.equal(11)
    expect(open(writer, 2)).to.equal(0)
    expect(open(writer, 3)).to.equal(45)
    expect(open(reader, 1)).to.equal(0)
    expect(open(reader, 0)).to.equal(0)
    expect(writer.code('open_stream_request', { object_id: 5, mode: 1 })).to.equal(12)
    expect(reader.pull(5n).reply.code).to.equal(12)
    expect(writer.push(5n, 6n).code).to.equal(12)
    expect(writer.code('stop_stream_request', { id })).to.equal(1)
    expect(stop()).to.equal(0)
    expect(stop()).to.equal(44)
    expect(writer.push(id, 5n).code).to.equal(44)
    expect(next(5).reply.code).to.equal(44)
    expect(drop()).to.equal(0)
    expect(drop()).to.equal(12)
    expect(reader.pull(id).reply.code).to.equal(12)
    expect(writer.code('create_stream_request', { object_id: id })).to.equal(0)
  })

  it('deletes a chunk when the next is pulled, with members and blobs', () => {
    const chunks = [writer.chunk(1000), writer.chunk(1000), writer.blob(1000)]
    for (const chunk of chunks) writer.push(id, chunk)
    stop()
    for (const [index, chunk] of chunks.entries()) {
      expect(BigInt(reader.pull(id).reply.chunk)).to.equal(chunk)
      expect(chunks.map(c => reader.exists(c))).to.deep.equal(chunks.map((_, i) => i >= index))
    }
    expect(reader.pull(id).reply.code).to.equal(42)
    reader.close()
    expect(store.usage).to.equal(0)
  })

  it('survives chunks that are pushed twice or do not exist', () => {
    const blob = writer.blob(1000)
    for (const chunk of [blob, blob, 5n]) writer.push(id, chunk)
    stop()
    for (let i = 0; i < 3; i += 1) expect(reader.pull(id).reply.code).to.equal(undefined)
    expect(reader.pull(id).reply.code).to.equal(42)
  })

  it('publishes what get_next made with the next one, or with stop', () => {
    const first = next(1000).reply
    const pull = reader.pull(id)
    expect(first.buffer.data_size).to.equal(1000)
    expect(pull.waits).to.equal(true)
    const second = next(2000).reply
    expect(pull.reply.chunk).to.equal(first.buffer.object_id)
    stop()
    expect(reader.pull(id).reply.chunk).to.equal(second.buffer.object_id)
    expect(
      reader.ask('get_buffers_request', { ids: [second.buffer.object_id] }).payloads[0].is_sealed
    ).to.equal(true)
  })

  it('makes get_next wait above 80 %, until a reader frees memory', async () => {
    const half = size / 2
    next(half)
    const second = next(5 * MiB)
    expect(second.waits).to.equal(true)
    expect(writer.push(id, 5n).code).to.equal(44)
    expect(stop()).to.equal(44)
    reader.pull(id)
    reader.pull(id)
    await settled()
    expect(second.reply.buffer.data_size).to.equal(5 * MiB)
  })

  it('refuses what get_next could never make, at once', () => {
    expect(next(Math.ceil(size * 0.8)).reply.code).to.equal(41)
    expect(next(2 ** 50).reply.code).to.equal(41)
    expect(next(100).reply.buffer.data_size).to.equal(100)
  })

  it('holds no more than a million chunks', () => {
    const chunk = { id: text(5n) as ObjectId, bytes: 0 }
    const { writing, table } = store.engine.streams
    writing.queue(table.get(text(id) as ObjectId), Array<typeof chunk>(2 ** 20 - 1).fill(chunk))
    expect(writer.push(id, 5n).code).to.equal(undefined)
    expect(writer.push(id, 5n).code).to.equal(41)
    reader.pull(id)
    expect(writer.push(id, 5n).code).to.equal(41)
    reader.pull(id)
    expect(writer.push(id, 5n).code).to.equal(undefined)
  })

  it('publishes the empty blob', () => {
    expect(next(0).reply.buffer.store_fd).to.equal(-1)
    expect(BigInt(reader.pull(id).reply.chunk)).to.equal(2n ** 63n)
  })

  describe('when the store is closing', () => {
    const draining = (): boolean => store.engine.streams.draining
    /** The chunks or the code of the answer. */
    const pullMany = (peer: TestPeer): any => {
      const limits = { max: 128, max_bytes: MiB, templates: 0, consumed: 0 }
      const { chunks, code } = peer.ask('pull_chunks_request', { id: text(id), ...limits })
      return chunks?.length ?? code
    }
    const consume = (peer: TestPeer, count: number): unknown =>
      peer.send({ type: 'consume_chunks', id: text(id), count })

    it('is waited for until its reader has done with the chunks that it has in line', () => {
      const ahead = store.connect(1)
      expect(open(ahead, 1)).to.equal(0)
      for (const chunk of [5n, 6n, 7n]) writer.push(id, chunk)
      stop()
      expect(draining()).to.equal(true)
      expect(pullMany(ahead)).to.equal(3)
      expect(pullMany(ahead)).to.equal(42)
      expect(draining()).to.equal(true)
      consume(ahead, 2)
      expect(draining()).to.equal(true)
      consume(ahead, 1)
      expect(draining()).to.equal(false)
    })

    it('is not waited for once the reader that has some in line has gone', () => {
      const ahead = store.connect(1)
      writer.push(id, 5n)
      stop()
      pullMany(ahead)
      pullMany(ahead)
      ahead.close()
      expect(draining()).to.equal(false)
    })

    it('is not waited for once a foreign reader has got the end, which never says what it has done with', () => {
      writer.push(id, 5n)
      stop()
      reader.pull(id)
      expect(draining()).to.equal(true)
      reader.pull(id)
      expect(draining()).to.equal(false)
    })

    it('is not waited for once its reader has been told that it failed', () => {
      const ahead = store.connect(1)
      writer.push(id, 5n)
      stop(true)
      expect(pullMany(ahead)).to.equal(1)
      expect(draining()).to.equal(true)
      expect(pullMany(ahead)).to.equal(43)
      expect(draining()).to.equal(false)
    })
  })

  describe('when it is dropped', () => {
    it('frees queued and current chunks deeply, and wakes the reader', () => {
      for (let i = 0; i < 3; i += 1) writer.push(id, writer.chunk(1000))
      reader.pull(id)
      expect(drop()).to.equal(0)
      expect(store.usage).to.equal(0)
    })

    it('wakes a waiting pull with 43', () => {
      const pull = reader.pull(id)
      drop()
      expect(pull.reply.code).to.equal(43)
    })

    it('wakes a waiting get_next with 43', () => {
      next(size / 2)
      const waiting = next(size / 2)
      reader.ask('drop_stream_request', { id })
      expect(waiting.reply.code).to.equal(43)
      expect(store.engine.memory.length).to.equal(0)
    })
  })

  describe('when a writer goes away', () => {
    it('fails, after what was queued', () => {
      writer.push(id, 5n)
      writer.close()
      expect(reader.pull(id).reply.chunk).to.equal(5)
      expect(reader.pull(id).reply.code).to.equal(43)
    })

    it('wakes a waiting pull, and frees the unfinished chunk', () => {
      next(1000)
      const pull = reader.pull(id)
      writer.close()
      expect(pull.reply.code).to.equal(43)
      expect(store.usage).to.equal(0)
    })

    it('goes on while another connection writes', () => {
      const other = store.connect()
      other.push(id, 5n)
      open(writer, 2)
      other.close()
      reader.pull(id)
      expect(reader.pull(id).waits).to.equal(true)
      writer.close()
      expect(store.connect().pull(id).reply.code).to.equal(43)
    })

    it('has ended well if it was stopped before', () => {
      writer.push(id, 5n)
      stop()
      writer.close()
      reader.pull(id)
      expect(reader.pull(id).reply.code).to.equal(42)
    })

    it('does not matter if the connection only created it', () => {
      writer.close()
      expect(reader.pull(id).waits).to.equal(true)
    })
  })

  describe('when a reader goes away', () => {
    it('is dropped with all chunks, and the writer learns why', () => {
      const pushed = [writer.chunk(1000), writer.chunk(1000)]
      for (const chunk of pushed) writer.push(id, chunk)
      reader.pull(id)
      reader.close()
      expect(store.usage).to.equal(0)
      expect(pushed.some(chunk => writer.exists(chunk))).to.equal(false)
      const refused = writer.push(id, 5n)
      expect(refused.code).to.equal(43)
      expect(refused.message).to.include('reader')
      expect(stop()).to.equal(43)
      expect(next(5).reply.code).to.equal(43)
      expect(drop()).to.equal(0)
      expect(drop()).to.equal(12)
    })

    it('is dropped when the reader had only opened it', () => {
      open(reader, 1)
      writer.push(id, writer.chunk(1000))
      reader.close()
      expect(store.usage).to.equal(0)
      expect(writer.push(id, 5n).code).to.equal(43)
    })

    it('notices a reader that dies while it waits', () => {
      reader.pull(id)
      reader.close()
      expect(writer.push(id, 5n).code).to.equal(43)
    })

    it('wakes a waiting get_next', () => {
      next(size / 2)
      open(reader, 1)
      const waiting = next(size / 2)
      reader.close()
      expect(waiting.reply.code).to.equal(43)
    })

    it('is simply removed after the end was delivered', () => {
      stop()
      reader.pull(id)
      reader.close()
      expect(store.engine.streams.table.count).to.equal(0)
      expect(drop()).to.equal(12)
    })

    it('can be created again', () => {
      open(reader, 1)
      reader.close()
      expect(writer.code('create_stream_request', { object_id: id })).to.equal(0)
      expect(writer.push(id, 5n).code).to.equal(undefined)
    })
  })

  describe('for a foreign reader', () => {
    const chunkSize = MiB / 2

    /** Three of them are left behind. */
    function readFour(): void {
      for (let i = 0; i < 4; i += 1) {
        writer.push(id, writer.blob(chunkSize))
        reader.pull(id)
      }
    }

    it('keeps the memory of the newest chunks it left behind: an eighth of the store', () => {
      const offsets: number[] = []
      for (let i = 0; i < 8; i += 1) {
        const blob = writer.blob(chunkSize)
        writer.push(id, blob)
        reader.pull(id)
        offsets.push(reader.ask('get_buffers_request', { ids: [blob] }).payloads[0].data_offset)
      }
      // One chunk is being read, four of the seven before it fill an eighth of 16 MiB.
      expect(store.usage).to.equal(5 * chunkSize)
      const { data_offset } = writer.ask('create_buffer_request', { size: chunkSize }).created
      expect(offsets.indexOf(data_offset)).to.be.below(3)
      reader.close()
      expect(store.usage).to.equal(chunkSize)
    })

    it('gives them up when memory is needed and nobody could free any', () => {
      readFour()
      writer.create(size - 4 * chunkSize)
      expect(writer.code('create_buffer_request', { size: chunkSize })).to.equal(0)
      expect(store.engine.blobs.keptBytes).to.equal(2 * chunkSize)
    })

    it('does not give them up at once while a reader could go on', async () => {
      readFour()
      writer.push(id, writer.blob(chunkSize))
      writer.create(size - 5 * chunkSize)
      const kept = store.engine.blobs.keptBytes
      const waiting = writer.send({ type: 'create_buffer_request', size: chunkSize })
      expect(waiting.waits).to.equal(true)
      expect(store.engine.blobs.keptBytes).to.equal(kept)
      // It does not go on.
      await eventually(() => !waiting.waits, 'memory that was kept')
      expect(waiting.reply.created.data_size).to.equal(chunkSize)
      expect(store.engine.blobs.keptBytes).to.be.below(kept)
    })

    it('gives them up for blobs of an object that is put, and not for memory in advance', () => {
      readFour()
      const putter = store.connect(1)
      const made = (urgent: boolean): number =>
        putter.code('create_buffers_request', { sizes: [chunkSize], scoped: true, urgent })
      writer.create(size - 4 * chunkSize)
      expect(made(false)).to.equal(41)
      expect(made(true)).to.equal(0)
      expect(store.engine.blobs.keptBytes).to.equal(2 * chunkSize)
      putter.close()
      expect(store.usage).to.equal(size - chunkSize)
    })

    it('gives them up for get_next, which leaves a fifth of the store free, when no reader goes on', async () => {
      readFour()
      const kept = store.engine.blobs.keptBytes
      writer.create(size * 0.8 - store.usage)
      writer.push(id, writer.blob(1))
      const waiting = next(chunkSize)
      expect(waiting.waits).to.equal(true)
      expect(store.engine.blobs.keptBytes).to.equal(kept)
      await eventually(() => !waiting.waits, 'memory that was kept')
      expect(waiting.reply.buffer.data_size).to.equal(chunkSize)
      expect(store.engine.blobs.keptBytes).to.be.below(kept)
    })

    it('gives up nothing for get_next where that does not help', async () => {
      readFour()
      const kept = store.engine.blobs.keptBytes
      writer.create(size * 0.8 - chunkSize)
      expect(next(chunkSize).waits).to.equal(true)
      await eventually(() => store.engine.memory.stalled, 'a wait for nothing')
      expect(store.engine.blobs.keptBytes).to.equal(kept)
    })

    it('counts all of a block for the chunks in it that were left behind, and once', () => {
      const extended = store.connect(1)
      const stream = extended.stream()
      extended.ask('open_stream_request', { object_id: stream, mode: 2 })
      for (let i = 0; i < 5; i += 1) {
        const block = text(extended.create(MiB))
        const chunks = [0, 100].map(at => [block, -1, at, 100])
        extended.ask('write_chunks_request', { id: text(stream), templates: [], chunks, done: [block] })
        for (let pull = 0; pull < chunks.length; pull += 1) reader.pull(stream)
      }
      // Of the last block one chunk has been left behind.
      expect(store.engine.blobs.keptBytes).to.equal(2 * MiB)
      expect(store.usage).to.equal(2 * MiB)
      reader.close()
      expect(store.usage).to.equal(0)
      expect(store.engine.blobs.keptBytes).to.equal(0)
    })

    it('frees at once what is deleted explicitly', () => {
      const chunk = writer.chunk(chunkSize)
      writer.push(id, chunk)
      reader.pull(id)
      writer.ask('del_data_request', { id: [chunk], deep: true })
      expect(store.usage).to.equal(0)
    })
  })
})
