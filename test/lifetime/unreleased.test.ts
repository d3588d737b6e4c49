import { expect } from 'chai'
import type { StreamStats } from 'vineyard-streams'
import { endProcesses, TestProcess } from '../support/processes.js'

interface Told {
  warnings: { name: string; message: string; code: string; detail: string }[]
  stats: StreamStats
}

async function read(releases: boolean): Promise<Told> {
  const child = new TestProcess('unreleased', { releases }, { execArgv: ['--expose-gc', '--no-warnings'] })
  const [told] = await child.rest<Told>()
  return told as Told
}

describe('Chunks that nobody releases', () => {
  afterEach(endProcesses)

  it('are warned of once, with where the reader was opened, when the collector gives them back and memory is short', async () => {
    const { warnings, stats } = await read(false)
    expect(stats.chunksRead).to.equal(24)
    expect(stats.chunksCopied).to.be.above(0)
    expect(stats.chunksCollected).to.be.above(0)
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.include({ name: 'VineyardWarning', code: 'VINEYARD_CHUNKS_NOT_RELEASED' })
    expect(warnings[0]?.detail).to.match(/openHere .*processes\/unreleased/)
  })

  it('are no matter where they are released', async () => {
    const { warnings, stats } = await read(true)
    expect(stats).to.include({ chunksRead: 24, chunksCopied: 0, chunksCollected: 0, leasedBytes: 0 })
    expect(warnings).to.deep.equal([])
  })
})
