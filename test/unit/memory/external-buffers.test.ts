import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { needsVineyard, Vineyardd } from '../../support/vineyardd.js'

const run = promisify(execFile)
const program = fileURLToPath(
  new URL('../../lifetime/processes/without-external-buffers.js', import.meta.url)
)

async function found(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await run(process.execPath, [program, ...args], { env: { ...process.env, ...env } })
  return JSON.parse(stdout) as Record<string, unknown>
}

/** What Electron is like. */
const forbidden = { VINEYARD_STREAMS_NO_EXTERNAL_BUFFERS: '1' }

describe('Where external ArrayBuffers are forbidden', () => {
  it('everything is copied, in store and client alike, and behaves as where they are allowed', async () => {
    const usual = await found({})
    const copying = await found(forbidden)
    expect(usual).to.include({ forbidden: false, left: 0, leased: 0 })
    expect(copying).to.deep.equal({ ...usual, forbidden: true })
    const sizes = [1, 10, 1000, 100_000, 7]
    expect(usual['recordbatches']).to.deep.equal(sizes.map(n => [n, n - 1, (n - 1) / 2, true, 0]))
    expect(usual['allocated']).to.deep.equal([0, 'zzz', 100_000, true])
    expect(usual['values']).to.deep.equal([[1, 2, 3], true, 'bytes'])
    expect(usual['worker']).to.deep.equal([1_000_000, 'ww', true])
  })

  it('a vineyardd can be read and written', async function () {
    needsVineyard(this)
    const server = await Vineyardd.start('64Mi')
    try {
      const copying = await found(forbidden, server.socket)
      expect(copying).to.deep.equal({ ...(await found({}, server.socket)), forbidden: true })
      expect(copying).to.include({ left: 0 })
    } finally {
      await server.close()
    }
  })
})
