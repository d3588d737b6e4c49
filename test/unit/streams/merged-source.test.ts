import { expect } from 'chai'
import type { ChunkSource } from '#dist/streams/chunk-source.js'
import { MergedSource } from '#dist/streams/merged-source.js'
import { rejection } from '../../support/rejection.js'

/** Has `count` chunks at once, each with `value`; then it ends, or fails with `error`. */
function source(value: string, count: number, error?: Error): ChunkSource<string> {
  let left = count
  return {
    async nextChunk() {
      if (left === 0 && error !== undefined) throw error
      if (left === 0) return undefined
      left -= 1
      return { value, bytes: 1, leased: false }
    },
    close: () => Promise.resolve()
  } as ChunkSource<string>
}

/** Reads to the end, or to the failure. */
async function drain(merged: MergedSource<string>, read: string[]): Promise<void> {
  for (;;) {
    const chunk = await merged.nextChunk()
    if (chunk === undefined) return
    read.push(chunk.value)
  }
}

describe('Several sources as one', () => {
  it('take turns, and end when all have ended', async () => {
    const read: string[] = []
    await drain(new MergedSource([source('a', 2), source('b', 3), source('c', 1)]), read)
    expect(read.slice(0, 3)).to.deep.equal(['a', 'b', 'c'])
    expect(read.toSorted()).to.deep.equal(['a', 'a', 'b', 'b', 'b', 'c'])
  })

  it('fail with the first that fails, after what it gave, however much the others have', async () => {
    const failure = new Error('the first has failed')
    const read: string[] = []
    const merged = new MergedSource([source('a', 2, failure), source('b', 100), source('c', 100)])
    expect(await rejection(drain(merged, read))).to.equal(failure)
    expect(read.filter(value => value === 'a')).to.have.length(2)
    expect(read.length).to.be.lessThan(12)
  })
})
