import { expect } from 'chai'
import * as arrow from 'apache-arrow'
import type { DataType, RecordBatch } from 'apache-arrow'
import { release } from '#dist/memory/lease.js'
import { describe as describeValue } from '#dist/objects/registry.js'
import { partitionOf } from '#dist/streams/partition.js'
import { readLeased } from '../objects/support/memory-store.js'

function batchOf(values: readonly unknown[], type: DataType): RecordBatch {
  return new arrow.Table({ key: arrow.vectorFromArray(values, type) }).batches[0]!
}

/** The keys that each member got, as texts. */
function keysByMember(batch: RecordBatch, members: number): string[][] {
  const keys = Array.from({ length: members }, (): string[] => [])
  for (const { member, part } of partitionOf<RecordBatch>({ column: 'key' }, members)(batch)) {
    keys[member]!.push(...Array.from(part.getChild('key')!, String))
  }
  return keys
}

const day = 86_400_000
const count = 1000
const shapes: Record<string, [DataType, (i: number) => unknown]> = {
  'addresses that say a number twice': [new arrow.Utf8(), i => `user${i}@host${i}.example`],
  'paths that say a number twice': [new arrow.Utf8(), i => `/user/${i}/profile/${i}`],
  'network addresses of two equal halves': [
    new arrow.Utf8(),
    i => `10.${i % 250}.${i >> 8}.10.${i % 250}.${i >> 8}`
  ],
  'doubled digits': [new arrow.Utf8(), i => String(i).replace(/./g, '$&$&')],
  'times at the borders of days': [new arrow.TimestampMillisecond(), i => new Date((19_000 + i) * day)],
  days: [new arrow.DateDay(), i => new Date(i * day)],
  'small integers': [new arrow.Int32(), i => i],
  'even integers': [new arrow.Int32(), i => 2 * i],
  'floating point numbers': [new arrow.Float64(), i => i / 10],
  'large integers': [new arrow.Int64(), i => 2n ** 60n + BigInt(i)]
}

describe('partition by a column', () => {
  for (const [shape, [type, keyOf]] of Object.entries(shapes)) {
    it(`gives each member at least half of its share of ${shape}`, () => {
      const batch = batchOf(
        Array.from({ length: count }, (_, i) => keyOf(i)),
        type
      )
      for (const members of [2, 4, 8]) {
        const sizes = keysByMember(batch, members).map(keys => keys.length)
        expect(
          sizes.reduce((sum, size) => sum + size),
          `${members} members`
        ).to.equal(count)
        expect(Math.min(...sizes), `the smallest of ${sizes.join()}`).to.be.at.least(count / members / 2)
      }
    })
  }

  it('spreads few keys too, such as digits and booleans', () => {
    const digits = batchOf(
      Array.from({ length: 10 }, (_, i) => i),
      new arrow.Int32()
    )
    const booleans = batchOf([true, false], new arrow.Bool())
    expect(keysByMember(booleans, 2).every(keys => keys.length === 1)).to.equal(true)
    for (const members of [2, 4]) {
      const sizes = keysByMember(digits, members).map(keys => keys.length)
      expect(Math.min(...sizes), sizes.join()).to.be.at.least(2)
    }
  })

  it('sends equal keys to one member: null, NaN, and 0 with -0', () => {
    const floats = batchOf([NaN, 0, -0, 1.5, null, NaN, -0, 0, null, 1.5], new arrow.Float64())
    const texts = batchOf(['a', null, 'b', 'a', null], new arrow.Utf8())
    for (const batch of [floats, texts]) {
      for (const members of [2, 3, 8]) {
        const all = keysByMember(batch, members).flatMap(keys => [...new Set(keys)])
        expect(all).to.deep.equal([...new Set(all)])
      }
    }
  })

  it('refuses what was released, which has no rows any more', () => {
    const partition = partitionOf<RecordBatch | arrow.Table>({ column: 'key' }, 2)
    const uses: Record<string, (batch: RecordBatch) => RecordBatch | arrow.Table> = {
      'the batch': batch => batch,
      'a slice': batch => batch.slice(1),
      'a selection': batch => batch.select(['key']),
      'a table': batch => new arrow.Table([batch])
    }
    for (const [what, use] of Object.entries(uses)) {
      const { value } = readLeased(describeValue(batchOf(['a', 'b', 'c'], new arrow.Utf8())))
      const used = use(value as RecordBatch)
      expect(partition(used), what).not.to.be.empty
      release(value)
      expect(() => partition(used), what)
        .to.throw()
        .with.property('code', 'ERR_VINEYARD_RELEASED')
    }
  })
})
