import * as arrow from 'apache-arrow'
import type { Data, RecordBatch, Vector } from 'apache-arrow'
import { expect } from 'chai'
import fc from 'fast-check'
import { release } from '#dist/memory/lease.js'
import { describe as describeValue } from '#dist/objects/registry.js'
import { tensor } from '#dist/objects/tensor/tensor-value.js'
import { batchOf, columnOf, kinds, plainValues } from '../support/columns.js'
import type { Column } from '../support/columns.js'
import { readLeased } from '../support/memory-store.js'

/** Runs `use`; passes if it throws ERR_VINEYARD_RELEASED or gives nothing at all. */
function expectNothing(what: string, use: () => unknown): void {
  let result: unknown
  try {
    result = use()
  } catch (error) {
    // An iterator over a typed array that was made before the release fails with a TypeError of the engine.
    const detached = error instanceof TypeError && /detached/.test(error.message)
    if (!detached) expect(error, what).to.have.property('code', 'ERR_VINEYARD_RELEASED')
    return
  }
  expect(result, what).to.satisfy(
    (value: unknown) =>
      value === undefined ||
      (typeof value === 'object' && value !== null && (value as { length: number }).length === 0)
  )
}

/** Everything that can be taken from a column, before and after the release. */
function usesOf(batch: RecordBatch): Record<string, () => unknown> {
  const vector = batch.getChildAt(0) as Vector
  const slice = batch.slice(1)
  const selection = batch.selectAt([0])
  const row = batch.get(0) as unknown as arrow.StructRow
  const iterator = vector[Symbol.iterator]()
  iterator.next()
  return {
    'batch.get': () => (batch.get(0) as unknown as arrow.StructRow | null)?.toJSON(),
    'batch.toArray': () => batch.toArray(),
    'batch.slice': () => batch.slice(1).toArray(),
    'batch.getChildAt': () => [...(batch.getChildAt(0) as Vector)],
    'row.toJSON': () => row.toJSON(),
    'vector.get': () => vector.get(0),
    'vector.at': () => vector.at(-1),
    'vector.isValid': () => vector.isValid(0),
    'vector.slice': () => [...vector.slice(0, 2)],
    'vector.toArray': () => vector.toArray(),
    'vector.indexOf': () => vector.indexOf(vector.get(1)),
    'vector iteration': () => [...vector],
    'an iterator that has begun': () => iterator.next(),
    'slice.toArray': () => slice.toArray(),
    'selection.toArray': () => selection.toArray(),
    'concatenated vectors': () => [...vector.concat(vector)],
    'a vector in a table': () => new arrow.Table([batch]).toArray(),
    'the IPC writer': () => arrow.tableToIPC(new arrow.Table([slice]))
  }
}

describe('LeasedData', () => {
  // A column of nulls has no memory that could be leased.
  for (const kind of Object.keys(kinds).filter(name => name !== 'null')) {
    it(`gives nothing of a column of ${kind} once it has been released`, () => {
      const column = fc.sample(columnOf(kind, 9), { numRuns: 1, seed: 7 })[0] as Column
      const { value, returned } = readLeased(describeValue(batchOf([column], ['a'])))
      const batch = value as RecordBatch
      expect(plainValues(batch.data.children[0] as Data)).to.deep.equal(plainValues(column.data))
      const uses = usesOf(batch)
      for (const [what, use] of Object.entries(uses)) {
        if (what === 'an iterator that has begun' || what === 'the IPC writer') continue
        expect(use, what).to.not.throw()
      }
      expect(release(batch)).to.equal(true)
      expect(batch.numRows).to.equal(0)
      expect(returned()).to.equal(1)
      for (const [what, use] of Object.entries(uses)) {
        // The IPC writer of apache-arrow writes a batch without rows for one whose rows are gone.
        if (what !== 'the IPC writer') expectNothing(`${kind}: ${what}`, use)
      }
      expect(release(batch)).to.equal(false)
    })
  }

  it('refuses to be written to', () => {
    const column = fc.sample(columnOf('int32', 3), 1)[0] as Column
    const batch = readLeased(describeValue(batchOf([column], ['a']))).value as RecordBatch
    expect(() => (batch.getChildAt(0) as Vector).set(0, 5))
      .to.throw()
      .with.property('code', 'ERR_VINEYARD_SEALED')
  })

  it('is not released by what was derived from it', () => {
    const column = fc.sample(columnOf('int32', 3), 1)[0] as Column
    const { value, returned } = readLeased(describeValue(batchOf([column], ['a'])))
    const batch = value as RecordBatch
    expect(release(batch.slice(1))).to.equal(false)
    expect(release(batch.getChildAt(0))).to.equal(false)
    expect(returned()).to.equal(0)
    expect(batch.numRows).to.equal(3)
  })
})

describe('leased values', () => {
  it('are released by hand or by dispose', () => {
    const values = [
      Buffer.from('bytes'),
      new Float64Array([1, 2]),
      arrow.vectorFromArray([1, 2], new arrow.Int32())
    ]
    for (const value of values) {
      const leased = readLeased(describeValue(value))
      expect(leased.returned()).to.equal(0)
      ;(leased.value as Disposable)[Symbol.dispose]()
      expect(leased.returned()).to.equal(1)
      if (ArrayBuffer.isView(leased.value)) expect(leased.value.byteLength).to.equal(0)
      else
        expect(() => (leased.value as Vector).get(0))
          .to.throw()
          .with.property('code', 'ERR_VINEYARD_RELEASED')
    }
  })

  it('give the memory back at once where they keep none', () => {
    expect(readLeased(describeValue(null)).returned()).to.equal(1)
    expect(readLeased(describeValue(tensor(['a', 'b']))).returned()).to.equal(1)
    expect(readLeased(describeValue([null, tensor(['a'])])).returned()).to.equal(1)
  })

  it('in a sequence are released one by one', () => {
    const { value, returned } = readLeased(describeValue([new Int32Array([1]), 'text', new Int32Array([2])]))
    const [first, , second] = value as [Int32Array, string, Int32Array]
    expect(release(first)).to.equal(true)
    expect([...second]).to.deep.equal([2])
    expect(returned()).to.equal(0)
    expect(release(second)).to.equal(true)
    expect(returned()).to.equal(1)
    expect([first.length, second.length]).to.deep.equal([0, 0])
  })

  it('in a sequence are released with it', () => {
    const { value, returned } = readLeased(describeValue([new Int32Array([1]), new Int32Array([2])]))
    expect(release(value)).to.equal(true)
    expect(returned()).to.equal(1)
    expect((value as Int32Array[]).map(array => array.length)).to.deep.equal([0, 0])
    expect(release(value)).to.equal(false)
  })
})
