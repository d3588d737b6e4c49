import { expect } from 'chai'
import { Store } from 'vineyard-streams'
import { onBothServers } from '../support/both-servers.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { memoryReturns } from '../support/settling.js'

onBothServers('Chunks that nobody releases', '16Mi', bench => {
  afterEach(endProcesses)

  it('are given back when they are collected, and not before', async () => {
    const client = await bench.client()
    const { memoryUsage } = await client.status()
    const child = new TestProcess('collected', { socket: bench.server.socket }, { execArgv: ['--expose-gc'] })
    const [{ numbers }] = (await child.rest<{ numbers: number[] }>()) as [{ numbers: number[] }]
    expect(numbers).to.deep.equal([0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18])
    await memoryReturns(client, memoryUsage)
  })
})

/** By the standard protocol nothing can keep a blob, so chunks of byte streams are copied there. */
describe('A chunk of an object that has opened its reader itself', () => {
  let store: Store
  beforeEach(async () => {
    store = await Store.start({ size: '16Mi' })
  })
  afterEach(endProcesses)
  afterEach(async () => {
    await store.close()
  })

  for (const how of ['stream', 'closeClient', 'closeReader', 'closeWhileWaiting', 'failWriter']) {
    it(`is collected with it: ${how}`, async () => {
      const job = { socket: store.socket, how }
      const child = new TestProcess('keepers-of-chunks', job, { execArgv: ['--expose-gc'] })
      expect(await child.rest()).to.deep.equal(['collected'])
    })
  }
})
