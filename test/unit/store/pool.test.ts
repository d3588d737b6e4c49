import { expect } from 'chai'
import { Pool, pageSize } from '#dist/store/pool.js'
import { FakePages, MiB } from './support.js'

describe('Pool', () => {
  it('reserves the pages of a blob before it hands it out, each page once', () => {
    const pages = new FakePages()
    const pool = new Pool(16 * MiB, pages)
    const block = pool.allocate(3 * pageSize)!
    expect(pages.reserved.has(0) && pages.reserved.has(2)).to.equal(true)
    const before = pages.reserved.size
    pool.free(block)
    pool.allocate(3 * pageSize)
    expect(pages.reserved.size).to.equal(before)
  })

  it('has no memory where the system has none, and keeps nothing of the attempt', () => {
    const pages = new FakePages()
    pages.limit = 100
    const pool = new Pool(16 * MiB, pages)
    expect(pool.allocate(200 * pageSize)).to.equal(undefined)
    expect(pool.used).to.equal(0)
    expect(pool.allocate(64 * pageSize)).to.not.equal(undefined)
  })

  it('gives free pages back and reserves them again', () => {
    const pages = new FakePages()
    const pool = new Pool(16 * MiB, pages)
    const blocks = Array.from({ length: 4 }, () => pool.allocate(MiB)!)
    pool.free(blocks[1]!)
    pool.free(blocks[3]!)
    const freed = pool.trim()
    expect(freed).to.be.at.least(2 * MiB - 2 * pageSize)
    expect(pages.reserved.size).to.be.at.most(2 * 256 + 2)
    expect(pool.trim()).to.equal(0)
    const again = pool.allocate(MiB)!
    for (let page = again.offset / 64; page < (again.offset + again.size) / 64; page += 1) {
      expect(pages.reserved.has(page)).to.equal(true)
    }
    for (const block of [blocks[0]!, blocks[2]!, again]) pool.free(block)
    pool.trim()
    expect(pages.reserved.size).to.equal(0)
  })
})
