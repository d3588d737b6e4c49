import { expect } from 'chai'
import { ByteStream, connect, RecordBatchStream, release, type Client } from 'vineyard-streams'
import { numberedBatch, numberOf } from '../support/numbered.js'
import { rejection } from '../support/rejection.js'
import { eventually, memoryReturns } from '../support/settling.js'
import { silence } from '../support/silence.js'
import { kill, servers, type Victim } from '../support/victims.js'
import { needsVineyard } from '../support/vineyardd.js'

const bytes = 2 ** 20
/** Longer than a machine with much to do needs to answer. */
const timeout = 1000

for (const [name, start] of Object.entries(servers)) {
  describe(`When ${name} does not answer in time, chunks stay intact:`, () => {
    let server: Victim
    let impatient: Client
    let others: Client

    beforeEach(async function () {
      if (name !== 'the store') needsVineyard(this)
      server = await start()
      impatient = await connect(server.socket, { timeout })
      others = await connect(server.socket)
    })
    afterEach(async () => {
      server?.process.kill('SIGCONT')
      await Promise.all([impatient?.close(), others?.close()])
      if (server !== undefined) await kill(server)
      await server?.close()
    })

    /** Runs `work`, which must fail for its connection, while the server does nothing. */
    async function whileStopped(work: () => Promise<unknown>): Promise<void> {
      silence(server)
      const error = await rejection(work())
      server.process.kill('SIGCONT')
      // On a vineyardd a reader is given up with the connection that watches over it.
      expect(error.code).to.match(/^ERR_VINEYARD_(TIMEOUT|CONNECTION_LOST)$/)
    }

    /** All memory that is free is written to. */
    async function fillMemory(): Promise<void> {
      const { memoryLimit, memoryUsage } = await others.status()
      const ids = []
      for (let left = memoryLimit - memoryUsage; left > 3 * bytes; left -= bytes)
        ids.push(await others.put(new Uint8Array(bytes).fill(255)))
      await others.delete(ids)
    }

    it('those of a reader, whose stream fails', async () => {
      const { memoryUsage, ipcConnections } = await others.status()
      const out = await RecordBatchStream.create(others)
      const into = await RecordBatchStream.open(impatient, out.id)
      const [writer, reader] = [await out.openWriter(), await into.openReader()]
      await writer.append(numberedBatch(7, bytes))
      // Has to be asked for when its turn comes.
      await writer.append(await others.put('an object'))
      const { value: kept } = await reader.next()
      await whileStopped(() => reader.next())
      await reader.close()
      const failed = rejection(
        (async () => {
          for (;;) await writer.append(numberedBatch(8, bytes))
        })()
      )
      expect((await failed).code).to.equal('ERR_VINEYARD_STREAM_FAILED')
      await writer.close()
      await out.drop()
      await fillMemory()
      expect(numberOf(kept!)).to.equal(7)
      release(kept)
      await impatient.close()
      await memoryReturns(others, memoryUsage)
      await eventually(
        async () => (await others.status()).ipcConnections === ipcConnections - 1,
        'its connections'
      )
    })

    it('those of others from who still fills memory of a writer that has failed', async () => {
      const out = await ByteStream.create(others)
      const batches = await RecordBatchStream.create(others)
      const writer = await (await ByteStream.open(impatient, out.id)).openWriter()
      const filling = await (await RecordBatchStream.open(impatient, batches.id)).openWriter()
      const memory = await writer.allocate(bytes)
      const batch = await filling.allocateBatch(numberedBatch(0, 100).schema, 100)
      const columns = batch.data.children.map(({ values }) => values as Uint8Array)
      await whileStopped(() => writer.append(new Uint8Array(10)))
      await whileStopped(() => filling.append(numberedBatch(0, 100)))
      expect([memory, ...columns].map(({ length }) => length)).to.deep.equal([0, 0])
      await Promise.all([writer.close(), filling.close()])
    })

    it('values that a client has got', async () => {
      const id = await others.put(numberedBatch(7, bytes))
      const { memoryUsage } = await others.status()
      const kept = await impatient.get(id, { zeroCopy: true })
      await whileStopped(() => impatient.status())
      await impatient.close()
      await others.delete(id)
      await fillMemory()
      expect(numberOf(kept)).to.equal(7)
      release(kept)
      await memoryReturns(others, memoryUsage - bytes)
    })
  })
}
