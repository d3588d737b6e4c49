import { expect } from 'chai'
import fc from 'fast-check'
import { OpaqueObject } from '#dist/objects/opaque.js'
import { describe as describeValue, read } from '#dist/objects/registry.js'
import { contextOf, materialise, readBack } from '../support/memory-store.js'
import type { Stored } from '../support/memory-store.js'

function stored(value: unknown): Record<string, unknown> {
  const { typename, type_, value_ } = materialise(describeValue(value)).meta
  return { typename, type_, value_ }
}

describe('vineyard::Scalar', () => {
  it('is written as Python writes it', () => {
    expect(stored(42)).to.deep.equal({ typename: 'vineyard::Scalar<int>', type_: 'int', value_: 42 })
    expect(stored(-(2n ** 63n))).to.deep.equal({
      typename: 'vineyard::Scalar<int>',
      type_: 'int',
      value_: -(2n ** 63n)
    })
    expect(stored(true)).to.deep.equal({ typename: 'vineyard::Scalar<int>', type_: 'bool', value_: true })
    expect(stored(1 / 3)).to.deep.equal({
      typename: 'vineyard::Scalar<double>',
      type_: 'float',
      value_: 1 / 3
    })
    expect(stored('é')).to.deep.equal({
      typename: 'vineyard::Scalar<std::string>',
      type_: 'str',
      value_: 'é'
    })
  })

  it('has a text for doubles that metadata would lose', () => {
    const texts = [NaN, Infinity, -Infinity, -0, 2 ** 53, 1e19, -1e300].map(value => stored(value)['value_'])
    expect(texts).to.deep.equal(['nan', 'inf', '-inf', '-0.0', '9.007199254740992e+15', '1e+19', '-1e+300'])
  })

  it('keeps every number', () => {
    fc.assert(
      fc.property(fc.double(), value => {
        expect(Object.is(readBack(describeValue(value)), value)).to.equal(true)
      })
    )
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), value => {
        const read = readBack(describeValue(value))
        expect(BigInt(read as number | bigint)).to.equal(value)
        expect(typeof read).to.equal(Number.isSafeInteger(Number(value)) ? 'number' : 'bigint')
      })
    )
  })

  it('keeps texts and booleans', () => {
    for (const value of ['', 'é🎉\0', true, false]) expect(readBack(describeValue(value))).to.equal(value)
  })

  it('refuses integers that have more than 64 bits', () => {
    for (const value of [2n ** 63n, -(2n ** 63n) - 1n]) {
      expect(() => describeValue(value))
        .to.throw(/64 bits/)
        .with.property('code', 'ERR_VINEYARD_TYPE')
    }
  })
})

describe('vineyard::PickleBuffer', () => {
  it('keeps null as the None of Python', () => {
    const { meta, blobs } = materialise(describeValue(null))
    expect(meta.typename).to.equal('vineyard::PickleBuffer')
    expect(Buffer.from([...blobs.values()][0] as Uint8Array).toString('hex')).to.equal('80054e2e')
    expect(readBack(describeValue(null))).to.equal(null)
  })
})

describe('vineyard::Sequence', () => {
  it('keeps values of all kinds', () => {
    const value = [1, 'a', [null, [2.5, 10n ** 18n]], Buffer.from('x'), new Int16Array([1, 2]), []]
    const read = readBack(describeValue(value)) as unknown[]
    expect(read.slice(0, 2)).to.deep.equal([1, 'a'])
    expect(read[2]).to.deep.equal([null, [2.5, 10n ** 18n]])
    expect(read[3]).to.deep.equal(Buffer.from('x'))
    expect([...(read[4] as Int16Array)]).to.deep.equal([1, 2])
    expect(read[5]).to.deep.equal([])
  })

  it('says where the value is that cannot be stored', () => {
    const refused = (value: unknown): string => {
      try {
        describeValue(value)
      } catch (error) {
        expect(error).to.have.property('code', 'ERR_VINEYARD_TYPE')
        return (error as Error).message
      }
      throw new Error('stored')
    }
    expect(refused([1, [2, new Map()]])).to.equal(
      'element 1: element 1: a value of type Map cannot be stored'
    )
    // eslint-disable-next-line no-sparse-arrays
    expect(refused([1, , 2])).to.equal('element 1: a value of type undefined cannot be stored')
    expect(refused({})).to.equal('a value of type Object cannot be stored')
    expect(refused(Object.create(null))).to.equal('an object without a prototype cannot be stored')
    expect(refused(() => 1)).to.equal('a value of type function cannot be stored')
    expect(refused(Symbol('s'))).to.equal('a value of type symbol cannot be stored')
    const circle: unknown[] = []
    circle.push(circle)
    expect(refused(circle)).to.match(/nested more than 128 levels deep/)
  })
})

describe('vineyard::Blob', () => {
  it('is made of bytes in any form', () => {
    const bytes = new Uint8Array([1, 2, 3])
    const shared = new SharedArrayBuffer(3)
    new Uint8Array(shared).set(bytes)
    for (const value of [Buffer.from(bytes), bytes.buffer, shared, new DataView(bytes.buffer)]) {
      expect(readBack(describeValue(value))).to.deep.equal(Buffer.from(bytes))
    }
    const part = new DataView(Uint8Array.of(9, 1, 2, 3, 9).buffer, 1, 3)
    expect(readBack(describeValue(part))).to.deep.equal(Buffer.from(bytes))
    expect(readBack(describeValue(Buffer.alloc(0)))).to.deep.equal(Buffer.alloc(0))
  })
})

describe('OpaqueObject', () => {
  it('is what an unknown type is read as', () => {
    const stored = materialise(describeValue([Buffer.from('abc')]))
    const object = readBackAs(stored, 'some::Type<int>')
    expect(object).to.be.instanceOf(OpaqueObject)
    expect(object.reason).to.equal('there is no reader for some::Type<int>')
    expect(object.blobs.map(({ key }) => key)).to.deep.equal(['__elements_-0'])
    expect(object.blob('__elements_-0').toString()).to.equal('abc')
    expect(() => object.blob('other')).to.throw()
  })
})

function readBackAs({ meta, blobs }: Stored, typename: string): OpaqueObject {
  const changed = { ...meta, typename }
  return read(changed, contextOf({ meta: changed, blobs })) as OpaqueObject
}
