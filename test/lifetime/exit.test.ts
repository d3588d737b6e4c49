import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import { numberedBatch } from '../support/numbered.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { memoryReturns } from '../support/settling.js'
import { onBothServers } from '../support/both-servers.js'

/** Long enough for a process that nothing keeps alive to have ended; nothing tells that one goes on. */
const moment = 300

const ends = [
  'a client that does nothing',
  'a stream that was written and read',
  'a reader and a writer that nobody uses',
  'a reader that has read and waits for nothing',
  'a read that was given up'
]
const storeEnds = ['a store that was closed', 'a store with unref()', 'a store and process.exit()']

/** What ends each wait. */
const waits: Record<string, (client: Client, id: string) => Promise<unknown>> = {
  'a read': write,
  'a read stream': write,
  'a write that waits for the window': read,
  'a write that waits for memory': read,
  async 'a name'(client) {
    const id = await client.put('named')
    await client.persist(id)
    await client.putName(id, 'exit/name')
  }
}

async function write(client: Client, id: string): Promise<void> {
  const writer = await (await RecordBatchStream.open(client, id)).openWriter()
  await writer.append(numberedBatch(0, 4096))
  await writer.finish()
}

async function read(client: Client, id: string): Promise<void> {
  const reader = await (await RecordBatchStream.open(client, id)).openReader()
  for (let number = 0; number < 2; number += 1) release((await reader.next()).value)
}

onBothServers('A process', '4Mi', bench => {
  afterEach(endProcesses)

  for (const way of bench.subject.store ? [...ends, ...storeEnds] : ends) {
    it(`ends by itself with ${way}`, async () => {
      const child = new TestProcess('exits', { socket: bench.server.socket, way })
      const reports = await child.rest<{ socket: string }>()
      expect(child.stderr).to.equal('')
      for (const { socket } of reports) {
        expect(existsSync(socket), socket).to.equal(false)
        expect(existsSync(dirname(socket)), dirname(socket)).to.equal(false)
      }
      if (bench.server instanceof Store) await memoryReturns(await bench.client(), 0)
    })
  }

  for (const [way, end] of Object.entries(waits)) {
    it(`stays alive with ${way}, until it is over`, async () => {
      const child = new TestProcess('exits', { socket: bench.server.socket, way })
      const { stream } = await child.next<{ stream: string }>()
      await delay(moment)
      await end(await bench.client(), stream)
      await child.rest()
      expect(child.stderr).to.equal('')
    })
  }
})
