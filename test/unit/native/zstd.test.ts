import { randomFillSync } from 'node:crypto'
import { expect } from 'chai'
import { native, type Compressor, type Decompressor } from '#dist/native.js'

/** All that a stream of zstd makes of `input` in outputs of `size` bytes. */
function compressed(compressor: Compressor, input: Uint8Array, size: number): Buffer {
  const outputs: Buffer[] = []
  for (let rest = input; ;) {
    const output = Buffer.alloc(size)
    const [read, written] = compressor.compress(rest, output, true)
    outputs.push(output.subarray(0, written))
    rest = rest.subarray(read)
    if (written < size) return Buffer.concat(outputs)
  }
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
      // One stream, in which each part has come as soon as it has been flushed.
      for (const part of [sample(3_000_000), Buffer.from('x'), sample(200_000)].slice(size === 7 ? 1 : 0)) {
        const between = compressed(compressor, part, size)
        expect(decompressed(decompressor, between, size).equals(part)).to.be.true
      }
    })
  }

  it('compresses on every level up to 1', () => {
    for (const level of [-5, -1, 0, 1]) {
      const between = compressed(native.createCompressor(level), Buffer.alloc(100_000, 'abc'), 100_000)
      expect(between.length).to.be.below(30_000)
      expect(decompressed(native.createDecompressor(), between, 1000).toString()).to.equal('abc'.repeat(33_333) + 'a') // prettier-ignore
    }
    native.createCompressor(-100_000)
    expect(() => native.createCompressor(2)).to.throw(RangeError)
    expect(() => native.createCompressor(0.5)).to.throw(RangeError)
    expect(() => native.createCompressor('1' as never)).to.throw(TypeError)
  })

  it('holds back what is not flushed, and what has no room', () => {
    const compressor = native.createCompressor(1)
    const [none, output] = [new Uint8Array(0), new Uint8Array(1000)]
    expect(compressor.compress(Buffer.from('held back'), output, false)).to.deep.equal([9, 0])
    const [read, written] = compressor.compress(none, output, true)
    expect([read, written > 0]).to.deep.equal([0, true])
    const decompressor = native.createDecompressor()
    const some = new Uint8Array(4)
    expect(decompressor.decompress(output.subarray(0, written), some)).to.deep.equal([written, 4])
    expect(decompressor.decompress(none, some)).to.deep.equal([0, 4])
    expect(decompressor.decompress(none, some)).to.deep.equal([0, 1])
    expect(Buffer.from(some).toString()).to.equal('kbac')
  })

  it('refuses what is not zstd, and begins anew after reset()', () => {
    const decompressor = native.createDecompressor()
    const garbage = Buffer.from('this is not zstd')
    expect(() => decompressor.decompress(garbage, Buffer.alloc(100)))
      .to.throw()
      .with.property('code', 'ERR_ZSTD')
    decompressor.reset()
    const compressor = native.createCompressor(1)
    compressor.compress(garbage, Buffer.alloc(100), false)
    compressor.reset()
    const between = compressed(compressor, Buffer.from('text'), 100)
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
      expect(() => compressor.compress(wrong as never, bytes, true)).to.throw(TypeError)
      expect(() => compressor.compress(bytes, wrong as never, true)).to.throw(TypeError)
      expect(() => decompressor.decompress(wrong as never, bytes)).to.throw(TypeError)
      expect(() => decompressor.decompress(bytes, wrong as never)).to.throw(TypeError)
    }
    expect(() => compressor.compress(bytes, bytes, 1 as never)).to.throw(TypeError)
    expect(() => decompressor.decompress.call(compressor as never, bytes, bytes)).to.throw(TypeError)
    expect(() => { compressor.reset.call({} as never) }).to.throw(TypeError) // prettier-ignore
  })
})
