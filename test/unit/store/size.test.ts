import { expect } from 'chai'
import { parseSize } from '#dist/store/size.js'

describe('parseSize', () => {
  const sizes: [number | string, number][] = [
    [1, 1],
    ['4096', 4096],
    ['256Mi', 256 * 2 ** 20],
    ['1Gi', 2 ** 30],
    ['512M', 512e6],
    ['64KiB', 65536],
    ['64kb', 64000],
    ['1.5Gi', 1.5 * 2 ** 30],
    [' 2 Ti ', 2 * 2 ** 40],
    ['7b', 7]
  ]
  for (const [value, bytes] of sizes) {
    it(`reads ${JSON.stringify(value)}`, () => expect(parseSize(value)).to.equal(bytes))
  }

  for (const value of ['', 'Mi', '12Q', '-1', '1e6', '0', 0, -5, 1.5, NaN, Infinity, '99999999Ti', '1 2']) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      expect(() => parseSize(value))
        .to.throw(RangeError)
        .with.property('code', 'ERR_OUT_OF_RANGE')
    })
  }

  for (const value of [undefined, null, {}, true, 5n]) {
    it(`refuses the type of ${String(value)}`, () => {
      expect(() => parseSize(value))
        .to.throw(TypeError)
        .with.property('code', 'ERR_INVALID_ARG_TYPE')
    })
  }
})
