import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { connect, RecordBatchStream, Store, type Client } from 'vineyard-streams'
import type { ConsumerJob } from '../support/lifetime-jobs.js'
import { kill, servers, type Victim } from '../support/victims.js'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { rejection } from '../support/rejection.js'
import { needsVineyard } from '../support/vineyardd.js'

for (const [name, start] of Object.entries(servers)) {
  describe(`The death of ${name}`, () => {
    let server: Victim
    let clients: Client[]

    beforeEach(async function () {
      if (name !== 'the store') needsVineyard(this)
      server = await start()
      clients = [await connect(server.socket), await connect(server.socket)]
    })
    afterEach(async () => {
      await kill(server)
      await Promise.all(clients.map(client => client.close()))
      await server.close()
    })

    async function stream(): Promise<{ out: RecordBatchStream; into: RecordBatchStream }> {
      const out = await RecordBatchStream.create(clients[0]!)
      return { out, into: await RecordBatchStream.open(clients[1]!, out.id) }
    }

    it('ends a waiting read and an idle write stream, and leaves chunks readable', async () => {
      const { out, into } = await stream()
      const writable = out.createWriteStream()
      const writing = rejection(finished(writable))
      writable.write(numberedBatch(7, 4096))
      const readable = into.createReadStream()
      const seen: number[] = []
      const reading = rejection(
        (async () => {
          for await (const batch of readable) {
            seen.push(numberOf(batch))
            await kill(server)
            // The memory file lives on in this process.
            expect(numberOf(batch)).to.equal(7)
          }
        })()
      )
      expect(await reading).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
      expect(await writing).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
      expect(seen).to.deep.equal([7])
    })

    // A vineyardd hands out a chunk only when it is asked for one.
    const onTheStore = name === 'the store' ? it : () => undefined
    onTheStore('leaves what has come to be read, before the loss is told of', async () => {
      const { out, into } = await stream()
      const writer = await out.openWriter()
      // Small ones lie in blocks, from which they are copied, and the large one in memory of its own.
      const sizes = [1024, 1024, 1024, 2 ** 20, 1024]
      for (const [number, size] of sizes.entries()) await writer.append(numberedBatch(number, size))
      const seen: number[] = []
      const reading = rejection(
        (async () => {
          for await (const batch of into.createReadStream({ highWaterMark: 1 })) {
            if (seen.length === 0) {
              await kill(server)
              await rejection(clients[1]!.status())
            }
            seen.push(numberOf(batch))
          }
        })()
      )
      expect(await reading).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
      expect(seen).to.deep.equal([0, 1, 2, 3, 4])
    })

    it('ends writers that wait for their window and for memory', async () => {
      const [narrow, large] = [await stream(), await stream()]
      const held = await narrow.out.openWriter(clients[0], { window: { chunks: 1 } })
      await held.append(numberedBatch(0, 4096))
      const full = await large.out.openWriter(clients[1], { window: { chunks: 99, bytes: Infinity } })
      for (let number = 0; number < 3; number += 1) await full.append(numberedBatch(number, 5 * 2 ** 20))
      const waiting = [held, full].map(writer => rejection(writer.append(numberedBatch(9, 5 * 2 ** 20))))
      await kill(server)
      for (const one of waiting) expect(await one).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
      await Promise.all([held.close(), full.close()])
    })

    it('ends everything else that waits, and fails what comes after', async () => {
      const [client] = clients as [Client]
      const name = rejection(client.getName('never/put', { wait: true }))
      const { out } = await stream()
      const reader = await out.openReader()
      const next = rejection(reader.next())
      await kill(server)
      expect(await name).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
      expect(await next).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
      expect(await rejection(reader.next())).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
      expect(await rejection(client.status())).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
      expect(await rejection(out.openWriter())).to.have.property('code', 'ERR_VINEYARD_CONNECT')
      expect(await rejection(client.put(1))).to.have.property('code', 'ERR_VINEYARD_CONNECTION_LOST')
      await reader.close()
      await out.drop().catch(() => {})
    })
  })
}

describe('A store that is closed', () => {
  afterEach(endProcesses)

  it('waits for a consumer that is slower, and has everything in line', async () => {
    const store = await Store.start({ size: '16Mi' })
    const client = await connect(store.socket)
    const stream = await RecordBatchStream.create(client)
    const job: ConsumerJob = { socket: store.socket, stream: stream.id, chunks: 'release', pause: 20 }
    const consumer = new TestProcess('consumer', job)
    await consumer.next()
    const batches = Array.from({ length: 8 }, (_, number) => numberedBatch(number, 4096))
    await pipeline(Readable.from(batches), stream.createWriteStream())
    await client.close()
    await store.close()
    const [report] = await consumer.rest()
    expect(report).to.include({ done: 8, code: undefined })
    expect(report.wrong).to.deep.equal([])
  })

  it('leaves what has come to be read by a consumer that is too slow', async () => {
    const store = await Store.start({ size: '16Mi' })
    const clients = await Promise.all([connect(store.socket), connect(store.socket)])
    const out = await RecordBatchStream.create(clients[0])
    const writer = await out.openWriter()
    for (let number = 0; number < 3; number += 1) await writer.append(numberedBatch(number, 4096))
    await writer.finish()
    const reader = await (await RecordBatchStream.open(clients[1], out.id)).openReader()
    expect(numberOf((await reader.next()).value!)).to.equal(0)
    await store.close({ drain: 0 })
    expect(numberOf((await reader.next()).value!)).to.equal(1)
    expect(numberOf((await reader.next()).value!)).to.equal(2)
    await reader.close()
    await Promise.all(clients.map(client => client.close()))
  })
})
