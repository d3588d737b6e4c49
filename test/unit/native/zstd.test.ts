import { randomFillSync } from 'node:crypto'
import { expect } from 'chai'
import { native, type Compressor, type Decompressor } from '#dist/native.js'

/** `input` as one frame. */
function compressed(compressor: Compressor, input: Uint8Array): Buffer {
  const output = Buffer.alloc(input.length + Math.ceil(input.length / 256) + 519)
  return output.subarray(0, compressor.compress(input, output))
}

function decompressed(decompressor: Decompressor, input: Uint8Array, size: number): Buffer {
  const outputs: Buffer[] = []
  for (let rest = input; ;) {
    const output = Buffer.alloc(size)
    const [read, written] = decompressor.decompress(rest, output)
    outputs.push(output.subarray(0, written))
    rest = rest.subarray(read)
    if (written < size && rest.length === 0) return Buffer.concat(outputs)
  }
}

/** Bytes of which half can be compressed. */
function sample(size: number): Buffer {
  return randomFillSync(Buffer.alloc(size), 0, size / 2)
}

describe('native zstd', () => {
  for (const size of [7, 131_591, 4_000_000]) {
    it(`gives back what it was given, in outputs of ${String(size)} bytes`, () => {
      const compressor = native.createCompressor(-1)
      const decompressor = native.createDecompressor()
      // One stream of frames.
      for (const part of [sample(3_000_000), Buffer.from('x'), sample(200_000)].slice(size === 7 ? 1 : 0)) {
        const between = compressed(compressor, part)
        expect(decompressed(decompressor, between, size).equals(part)).to.be.true
      }
    })
  }

  it('compresses on every level up to 1', () => {
    for (const level of [-5, -1, 0, 1]) {
      const between = compressed(native.createCompressor(level), Buffer.alloc(100_000, 'abc'))
      expect(between.length).to.be.below(30_000)
      expect(decompressed(native.createDecompressor(), between, 1000).toString()).to.equal('abc'.repeat(33_333) + 'a') // prettier-ignore
    }
    native.createCompressor(-100_000)
    expect(() => native.createCompressor(2)).to.throw(RangeError)
    expect(() => native.createCompressor(0.5)).to.throw(RangeError)
    expect(() => native.createCompressor('1' as never)).to.throw(TypeError)
  })

  it('holds back what has no room', () => {
    const between = compressed(native.createCompressor(1), Buffer.from('held back'))
    const decompressor = native.createDecompressor()
    const [none, some] = [new Uint8Array(0), new Uint8Array(4)]
    expect(decompressor.decompress(between, some)[1]).to.equal(4)
    expect(decompressor.decompress(none, some)).to.deep.equal([0, 4])
    expect(decompressor.decompress(none, some)).to.deep.equal([0, 1])
    expect(Buffer.from(some).toString()).to.equal('kbac')
  })

  it('makes a frame that always has room in what a piece may have, or none', () => {
    const compressor = native.createCompressor(-1)
    const random = randomFillSync(Buffer.alloc(131_072))
    const output = Buffer.alloc(131_591)
    const length = compressor.compress(random, output)
    expect(length).to.be.within(random.length, output.length)
    expect(decompressed(native.createDecompressor(), output.subarray(0, length), 131_072).equals(random)).to
      .be.true
    expect(() => compressor.compress(random, output.subarray(0, 1000)))
      .to.throw()
      .with.property('code', 'ERR_ZSTD')
    // It has not kept anything of that.
    expect(decompressed(native.createDecompressor(), compressed(compressor, random), 131_072).equals(random))
      .to.be.true
  })

  it('refuses what is not zstd, and begins anew after reset()', () => {
    const decompressor = native.createDecompressor()
    const garbage = Buffer.from('this is not zstd')
    expect(() => decompressor.decompress(garbage, Buffer.alloc(100)))
      .to.throw()
      .with.property('code', 'ERR_ZSTD')
    decompressor.reset()
    const between = compressed(native.createCompressor(1), Buffer.from('text'))
    expect(decompressed(decompressor, between, 100).toString()).to.equal('text')
  })

  it('throws TypeError for other arguments and receivers', () => {
    const compressor = native.createCompressor(1)
    const decompressor = native.createDecompressor()
    const bytes = new Uint8Array(10)
    for (const wrong of [
      undefined,
      'text',
      [1],
      new ArrayBuffer(1),
      new DataView(new ArrayBuffer(1)),
      new Int8Array(1)
    ]) {
      expect(() => compressor.compress(wrong as never, bytes)).to.throw(TypeError)
      expect(() => compressor.compress(bytes, wrong as never)).to.throw(TypeError)
      expect(() => decompressor.decompress(wrong as never, bytes)).to.throw(TypeError)
      expect(() => decompressor.decompress(bytes, wrong as never)).to.throw(TypeError)
    }
    expect(() => decompressor.decompress.call(compressor as never, bytes, bytes)).to.throw(TypeError)
    expect(() => { decompressor.reset.call({} as never) }).to.throw(TypeError) // prettier-ignore
  })
})
