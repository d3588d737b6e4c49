import { expect } from 'chai'
import fc from 'fast-check'
import { describe as describeValue } from '#dist/objects/registry.js'
import { tensor } from '#dist/objects/tensor/tensor-value.js'
import type { NumericTensor, StringTensor } from '#dist/objects/tensor/tensor-value.js'
import { materialise, readBack } from '../support/memory-store.js'

const arrays = [
  ['int8', Int8Array, 'int8', '|i1'],
  ['int16', Int16Array, 'int16', '<i2'],
  ['int32', Int32Array, 'int', '<i4'],
  ['int64', BigInt64Array, 'int64', '<i8'],
  ['uint8', Uint8Array, 'uint8', '|u1'],
  ['uint8', Uint8ClampedArray, 'uint8', '|u1'],
  ['uint16', Uint16Array, 'uint16', '<u2'],
  ['uint32', Uint32Array, 'uint', '<u4'],
  ['uint64', BigUint64Array, 'uint64', '<u8'],
  ['float32', Float32Array, 'float', '<f4'],
  ['float64', Float64Array, 'double', '<f8']
] as const

describe('vineyard::Tensor', () => {
  for (const [dtype, type, cpp, code] of arrays) {
    it(`keeps a ${type.name}`, () => {
      const whole = new type(new ArrayBuffer(8 * type.BYTES_PER_ELEMENT))
      new Uint8Array(whole.buffer).forEach((_, i, bytes) => (bytes[i] = i * 7))
      const values = whole.subarray(1, 6)
      const { meta } = materialise(describeValue(values))
      expect(meta.typename).to.equal(`vineyard::Tensor<${cpp}>`)
      expect(meta['value_type_']).to.equal(dtype)
      expect(meta['value_type_meta_']).to.equal(code)
      expect(meta['shape_']).to.equal('[5]')
      expect(meta['nbytes']).to.equal(values.byteLength)
      const read = readBack(describeValue(values)) as NumericTensor
      expect(Array.from(read as Uint8Array)).to.deep.equal(Array.from(values as unknown as Uint8Array))
      expect(read.dtype).to.equal(dtype)
      expect(read.shape).to.deep.equal([5])
      expect(read.order).to.equal('C')
    })
  }

  it('keeps any shape', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 })
    fc.assert(
      fc.property(shapes, shape => {
        const length = shape.reduce((product, extent) => product * extent, 1)
        const given = tensor(
          Float64Array.from({ length }, (_, i) => i),
          { shape, partitionIndex: [1, 2] }
        )
        const read = readBack(describeValue(given)) as NumericTensor
        expect([...read]).to.deep.equal([...given])
        expect(read.shape).to.deep.equal(shape)
        expect(read.partitionIndex).to.deep.equal([1, 2])
        // What was read can be put again as it is.
        expect(materialise(describeValue(read)).meta).to.deep.equal(materialise(describeValue(given)).meta)
      })
    )
  })

  it('keeps the types of numpy that share a typed array', () => {
    const cases = [
      [tensor([true, false]), 'vineyard::Tensor<bool>', [1, 0]],
      [tensor(new Uint16Array([0x3c00]), { dtype: 'float16' }), 'vineyard::Tensor<float16>', [0x3c00]],
      [tensor(new Float32Array([1, 2]), { dtype: 'complex64' }), 'vineyard::Tensor<complex64>', [1, 2]],
      [tensor([5n], { dtype: 'datetime64[ns]' }), 'vineyard::Tensor<datetime64[ns]>', [5n]],
      [tensor([5n], { dtype: 'timedelta64[D]' }), 'vineyard::Tensor<timedelta64[D]>', [5n]],
      [tensor([1.5]), 'vineyard::Tensor<double>', [1.5]],
      [tensor([7n]), 'vineyard::Tensor<int64>', [7n]]
    ] as const
    for (const [value, typename, values] of cases) {
      expect(materialise(describeValue(value)).meta.typename).to.equal(typename)
      const read = readBack(describeValue(value)) as NumericTensor
      expect([...(read as unknown as number[])]).to.deep.equal(values)
      expect(read.dtype).to.equal(value.dtype)
    }
    const complex = readBack(describeValue(cases[2][0])) as NumericTensor
    expect(complex.shape).to.deep.equal([1])
  })

  it('keeps texts', () => {
    const line = readBack(describeValue(tensor(['a', null, 'é🎉', '']))) as StringTensor
    expect([...line]).to.deep.equal(['a', null, 'é🎉', ''])
    expect([line.shape, line.dtype]).to.deep.equal([[4], 'string'])
    const table = readBack(describeValue(tensor(['a', 'bcd', '', '🎉'], { shape: [2, 2] }))) as StringTensor
    expect([...table]).to.deep.equal(['a', 'bcd', '', '🎉'])
    expect([table.shape, table.dtype]).to.deep.equal([[2, 2], '<U3'])
    expect(() => describeValue(tensor(['a', null], { shape: [1, 2] })))
      .to.throw('element 1: null has no place')
      .with.property('code', 'ERR_VINEYARD_TYPE')
  })

  it('refuses what does not fit', () => {
    expect(() => tensor(new Int8Array(3), { shape: [2, 2] })).to.throw(RangeError)
    expect(() => tensor(new Int8Array(3), { shape: [1.5] })).to.throw(TypeError)
    expect(() => tensor(new Int8Array(4), { dtype: 'int32' })).to.throw(TypeError)
    expect(() => tensor([1], { dtype: 'object' })).to.throw(TypeError)
    expect(() => tensor([1, 'a'])).to.throw(TypeError)
    expect(() => tensor(['a', 1] as string[])).to.throw(TypeError)
    const bent = Object.assign(new Int8Array(3), { shape: [4] })
    expect(() => describeValue(bent))
      .to.throw()
      .with.property('code', 'ERR_VINEYARD_TYPE')
  })

  it('views the array it is made of', () => {
    const values = new Int32Array([1, 2])
    const view = tensor(values) as NumericTensor & Int32Array
    values[0] = 5
    expect(view[0]).to.equal(5)
    expect(Object.keys(values)).to.deep.equal(['0', '1'])
  })
})
