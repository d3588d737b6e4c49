import { finished } from 'node:stream/promises'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { Table } from 'apache-arrow'
import { expect } from 'chai'
import { RecordBatchStream, release, Store, type Client, type StreamWriter } from 'vineyard-streams'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { rejection } from '../support/rejection.js'
import { eventually, holdingsOf, memoryReturns, settled } from '../support/settling.js'
import { onEachServer } from '../support/subjects.js'

const kib = 1024

onEachServer('Backpressure', '4Mi', bench => {
  async function ends(): Promise<{
    out: RecordBatchStream
    into: RecordBatchStream
    clients: [Client, Client]
  }> {
    const clients: [Client, Client] = [await bench.client(), await bench.client()]
    const out = await RecordBatchStream.create(clients[0])
    return { out, into: await RecordBatchStream.open(clients[1], out.id), clients }
  }

  for (const [title, window, ahead] of [
    ['1 chunk', { chunks: 1 }, 1],
    ['3 chunks', { chunks: 3 }, 3],
    ['64 KiB of 16 KiB chunks', { bytes: 64 * kib }, 4],
    ['less than a chunk', { bytes: kib }, 1]
  ] as const) {
    it(`lets the writer be exactly a window of ${title} ahead`, async () => {
      const { out, into } = await ends()
      const total = 12
      const writer = await out.openWriter(undefined, { window })
      const reader = await into.openReader()
      let accepted = 0
      const writing = (async () => {
        for (; accepted < total; accepted += 1) await writer.append(numberedBatch(accepted, 16 * kib))
        await writer.finish()
      })()
      for (let read = 0; read < total; read += 1) {
        // The chunk in hand has been read and not left behind: it still counts.
        const most = Math.min(total, Math.max(0, read - 1) + ahead)
        await eventually(() => accepted >= most, `chunk ${most} to be accepted after ${read} were read`)
        for (let turns = 0; turns < 20; turns += 1) await turn()
        expect(accepted).to.equal(most)
        const { value } = await reader.next()
        expect(numberOf(value!)).to.equal(read)
        release(value)
      }
      expect((await reader.next()).done).to.equal(true)
      await writing
    })
  }

  it('counts an object that is appended by its id with its bytes', async () => {
    const { out, into, clients } = await ends()
    const writer = await out.openWriter(undefined, { window: { bytes: 64 * kib } })
    const reader = await into.openReader()
    const sizes = [40, 24, 40, 16, 16]
    let accepted = 0
    const writing = (async () => {
      for (const [number, size] of sizes.entries()) {
        await writer.append(await clients[0].put(numberedBatch(number, size * kib)))
        accepted += 1
      }
      await writer.finish()
    })()
    // After so many were read, the last of which is in hand and still counts.
    for (const [read, most] of [2, 2, 3, 4, 5, 5].entries()) {
      await eventually(() => accepted >= most, `object ${most} to be accepted after ${read} were read`)
      for (let turns = 0; turns < 20; turns += 1) await turn()
      expect(accepted).to.equal(most)
      const { value } = await reader.next()
      if (read === sizes.length) break
      expect(numberOf(value!)).to.equal(read)
      release(value)
    }
    await writing
  })

  /** How a writer comes to wait, with what it then waits in. */
  const waits: Record<string, (writer: StreamWriter, signal?: AbortSignal) => Promise<unknown>> = {
    async 'the window'(writer, signal) {
      await writer.append(numberedBatch(0, kib))
      return [writer.append(numberedBatch(1, kib), signal === undefined ? {} : { signal })]
    },
    async memory(writer, signal) {
      await writer.append(numberedBatch(0, 3000 * kib))
      return [writer.append(numberedBatch(1, 2000 * kib), signal === undefined ? {} : { signal })]
    },
    async 'memory to allocate'(writer) {
      await writer.append(numberedBatch(0, 3000 * kib))
      return [writer.allocate(2000 * kib)]
    }
  }

  /** A window that is what it waits for, or is not. */
  const windowFor = (wait: string): { chunks: number; bytes?: number } =>
    wait === 'the window' ? { chunks: 1 } : { chunks: 9, bytes: Infinity }

  const stops: Record<
    string,
    [stop: (writer: StreamWriter, scene: Awaited<ReturnType<typeof ends>>) => unknown, code: string]
  > = {
    'close()': [writer => writer.close(), 'ERR_VINEYARD_CLOSED'],
    'fail()': [writer => writer.fail(), 'ERR_VINEYARD_STREAM_FAILED'],
    'client.close()': [(_, { clients }) => clients[0].close(), 'ERR_VINEYARD_CLOSED'],
    'stream.drop() by another client': [(_, { into }) => into.drop(), 'ERR_VINEYARD_STREAM_FAILED']
  }

  for (const [wait, start] of Object.entries(waits)) {
    for (const [name, [stop, code]] of Object.entries(stops)) {
      // Without the store's events a writer learns of a drop a second later, and this one gets the memory of the chunks.
      if (wait === 'memory to allocate' && name.includes('drop') && !bench.subject.name.endsWith('store'))
        continue
      it(`ends a wait for ${wait} with ${name}, and leaves nothing`, async () => {
        const watcher = await bench.client()
        const { server } = bench
        const before = server instanceof Store ? await holdingsOf(server) : undefined
        const { memoryUsage } = await watcher.status()
        const scene = await ends()
        const window = windowFor(wait)
        const writer = await scene.out.openWriter(undefined, { window })
        const [waiting] = (await start(writer)) as [Promise<unknown>]
        const failure = rejection(waiting)
        for (let turns = 0; turns < 20; turns += 1) await turn()
        await stop(writer, scene)
        expect(await failure).to.have.property('code', code)
        await writer.close()
        await scene.into.drop()
        await bench.closeClients().then(async () => memoryReturns(await bench.client(), memoryUsage))
        await bench.closeClients()
        if (before !== undefined) await settled(server as Store, { ...before, ipcConnections: 0 })
      })
    }
  }

  for (const wait of ['the window', 'memory']) {
    it(`goes on after an aborted wait for ${wait}, without that chunk`, async () => {
      const { out, into } = await ends()
      const window = windowFor(wait)
      const writer = await out.openWriter(undefined, { window })
      const abort = new AbortController()
      const [waiting] = (await waits[wait]!(writer, abort.signal)) as [Promise<unknown>]
      const failure = rejection(waiting)
      for (let turns = 0; turns < 20; turns += 1) await turn()
      abort.abort(new Error('enough'))
      expect(await failure).to.have.property('code', 'ABORT_ERR')
      const next = writer.append(numberedBatch(2, kib)).then(() => writer.finish())
      const reader = await into.openReader()
      const seen: number[] = []
      for await (const batch of reader) {
        seen.push(numberOf(batch))
        release(batch)
      }
      await next
      expect(seen).to.deep.equal([0, 2])
    })
  }

  for (const wait of Object.keys(waits)) {
    it(`gives up a wait for ${wait} after idleTimeout, without that chunk, and goes on`, async () => {
      const { out, into } = await ends()
      const window = windowFor(wait)
      const idleTimeout = 200
      const writer = await out.openWriter(undefined, { window, idleTimeout })
      const begun = performance.now()
      const [waiting] = (await waits[wait]!(writer)) as [Promise<unknown>]
      expect(await rejection(waiting)).to.have.property('code', 'ERR_VINEYARD_TIMEOUT')
      expect(performance.now() - begun).to.be.within(idleTimeout, 20 * idleTimeout)
      const reader = await into.openReader()
      const { value } = await reader.next()
      expect(numberOf(value!)).to.equal(0)
      release(value)
      // This pull lets go of the first chunk, so that there is room.
      const next = reader.next()
      await writer.append(numberedBatch(2, kib))
      expect(numberOf((await next).value!)).to.equal(2)
      await writer.finish()
      expect((await reader.next()).done).to.equal(true)
    })
  }

  it('begins idleTimeout anew with each chunk of a Table', async () => {
    const { out, into } = await ends()
    const idleTimeout = 500
    const writer = await out.openWriter(undefined, { window: { chunks: 1 }, idleTimeout })
    const batches = Array.from({ length: 6 }, (_, number) => numberedBatch(number, kib))
    const reader = await into.openReader()
    const begun = performance.now()
    const appending = writer.append(new Table(batches)).then(() => writer.finish())
    for (const number of batches.keys()) {
      const { value } = await reader.next()
      expect(numberOf(value!)).to.equal(number)
      release(value)
      await delay(idleTimeout / 2)
    }
    expect((await reader.next()).done).to.equal(true)
    await appending
    expect(performance.now() - begun).to.be.above(2 * idleTimeout)
  })

  it('lets others of its connection have memory when the wait of a large chunk was aborted', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter(undefined, { window: { chunks: 9, bytes: Infinity } })
    const abort = new AbortController()
    const [waiting] = (await waits['memory']!(writer, abort.signal)) as [Promise<unknown>]
    const failure = rejection(waiting)
    for (let turns = 0; turns < 20; turns += 1) await turn()
    abort.abort()
    expect(await failure).to.have.property('code', 'ABORT_ERR')
    // Nobody has read anything: there is still no memory for the first, but for this one there is.
    await writer.append(numberedBatch(1, kib))
    await writer.finish()
    const reader = await into.openReader()
    const seen: number[] = []
    for await (const batch of reader) {
      seen.push(numberOf(batch))
      release(batch)
    }
    expect(seen).to.deep.equal([0, 1])
  })

  it('does not let a chunk that was given up hold back the end of the stream', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter(undefined, { window: { chunks: 9, bytes: Infinity } })
    const abort = new AbortController()
    const [waiting] = (await waits['memory']!(writer, abort.signal)) as [Promise<unknown>]
    const failure = rejection(waiting)
    abort.abort()
    expect(await failure).to.have.property('code', 'ABORT_ERR')
    // Nobody has read anything: there is still no memory.
    await writer.finish()
    const reader = await into.openReader()
    release((await reader.next()).value)
    expect((await reader.next()).done).to.equal(true)
  })

  it('ends a write stream that waits when it is destroyed, with the source’s error', async () => {
    const { out, into } = await ends()
    const writable = out.createWriteStream({ window: { chunks: 1 } })
    await new Promise(resolve => writable.write(numberedBatch(0, kib), resolve))
    writable.write(numberedBatch(1, kib))
    for (let turns = 0; turns < 20; turns += 1) await turn()
    writable.destroy(new Error('the source broke'))
    expect(await rejection(finished(writable))).to.have.property('message', 'the source broke')
    const readable = into.createReadStream()
    const seen: number[] = []
    const error = await rejection(
      (async () => {
        for await (const batch of readable) seen.push(numberOf(batch))
      })()
    )
    expect(error).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
    expect(seen).to.deep.equal([0])
  })
})
