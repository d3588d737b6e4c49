import { expect } from 'chai'
import { Store } from 'vineyard-streams'
import { endProcesses, TestProcess } from '../support/processes.js'
import { holdingsOf, settled } from '../support/settling.js'
import { onBothServers } from '../support/both-servers.js'

onBothServers('Many streams in one process', '16Mi', bench => {
  afterEach(endProcesses)

  it('leave no descriptor, mapping, thread or byte behind', async () => {
    const { server } = bench
    const before = server instanceof Store ? await holdingsOf(server) : undefined
    const child = new TestProcess('many-streams', { socket: server.socket, times: 14 })
    const reports = await child.rest<{ scenario: string; error?: string }>()
    expect(reports.filter(({ error }) => error !== undefined)).to.deep.equal([])
    expect(reports).to.have.length.greaterThan(10)
    expect(child.stderr).to.equal('')
    if (before !== undefined) await settled(server as Store, before)
  })
})
