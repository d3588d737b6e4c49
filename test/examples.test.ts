import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { dataset } from './libraries/session.js'
import { runExample } from './support/example.js'
import { needsVineyard } from './support/vineyardd.js'

describe('examples/', () => {
  async function example(name: string, ...args: string[]): Promise<string> {
    const { stdout, stderr } = await runExample(name, args)
    expect(stderr).to.equal('')
    return stdout
  }

  it('csv-to-python.js sends rows to a model in Python and gets predictions', async function () {
    needsVineyard(this)
    const text = await example('csv-to-python.js', dataset('seattle-weather.csv'))
    expect(text).to.match(/^1461 predictions, off by [23]\.\d degrees on average\n$/)
  })

  it('http-to-parquet.js stores an upload', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vineyard-examples-'))
    try {
      const text = await example('http-to-parquet.js', join(directory, 'upload.parquet'))
      expect(text).to.equal('stored 250 rows, the last one {"id": 249, "price": 62.25}\n')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('duckdb-live.js queries a stream while it comes', async () => {
    const lines = (await example('duckdb-live.js')).trim().split('\n')
    expect(lines).to.have.lengthOf(5)
    expect(lines[2]).to.equal('sensors, highest value so far: 3 3')
  })

  it('worker-pool.js adds up what workers have read', async () => {
    expect(await example('worker-pool.js')).to.equal('sum 2800000\n')
  })
})
