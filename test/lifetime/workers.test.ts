import { expect } from 'chai'
import { Store } from 'vineyard-streams'
import { long, longTag, reportLong } from '../support/long-report.js'
import { endProcesses, TestProcess } from '../support/processes.js'
import { holdingsOf, settled } from '../support/settling.js'

describe('A worker that is terminated in the middle of a stream', () => {
  let store: Store
  before(async () => {
    store = await Store.start({ size: '16Mi' })
  })
  afterEach(endProcesses)
  after(() => store.close())

  it(`leaves a healthy process, tells the peer, and takes everything with it ${longTag}`, async function () {
    if (long) this.timeout(300_000)
    const times = long ? 20 : 3
    const start = await holdingsOf(store)
    const child = new TestProcess('terminated-workers', { socket: store.socket, times })
    const reports = await child.rest<{ role: string }>()
    const nothing = { descriptors: 0, mappings: 0, threads: 0 }
    const failed = ['ERR_VINEYARD_STREAM_FAILED']
    reportLong({ test: 'workers terminated, the store', kills: 4 * times, note: JSON.stringify(reports) })
    expect(reports).to.deep.equal([
      { role: 'write', codes: failed, ...nothing },
      { role: 'read', codes: failed, ...nothing },
      { role: 'wait', codes: failed, ...nothing },
      { role: 'everything', codes: [], ...nothing }
    ])
    expect(child.stderr).to.equal('')
    await settled(store, start)
  })
})
