import { expect } from 'chai'
import fc from 'fast-check'
import { native } from '#dist/native.js'
import { parseRequest, readId, readSize, toU64 } from '#dist/store/request.js'
import { byteOrder, valueText } from '#dist/store/value-text.js'

function roundTrip(text: string): string {
  return valueText(parseRequest(native.markLongIntegers(`{"v":${text}}`))['v'])
}

describe('parseRequest', () => {
  const exact = [
    '18446744073709551615',
    '-9223372036854775808',
    '9007199254740993',
    '1.0',
    '-0.0',
    '1e+20',
    '0.1',
    '[1.0,{"a":2.0,"b":[9223372036854775808]}]',
    '"1.0, 2.0]"',
    '"\\\\\\" 1.0,"',
    '{"__proto__":1,"constructor":2}',
    'null',
    'true'
  ]
  for (const text of exact) it(`keeps ${text}`, () => expect(roundTrip(text)).to.equal(text))

  it('writes whole floats as upstream does', () => {
    expect(roundTrip('1E2')).to.equal('100.0')
    expect(roundTrip('100000000000000000000.0')).to.equal('1e+20')
  })

  it('refuses numbers out of range, and what is no JSON object', () => {
    for (const text of ['1e999', '-1e999']) expect(() => roundTrip(text)).to.throw('out of range')
    for (const text of ['', '[]', '5', 'null', '"x"', '{"a":', '{]']) {
      expect(() => parseRequest(text))
        .to.throw()
        .with.property('status', 1)
    }
  })

  it('refuses a frame with more values than can be parsed', () => {
    expect(() => parseRequest(`{"v":[${'[],'.repeat(5_000_000)}1]}`))
      .to.throw()
      .with.property('status', 1)
  })

  it('does linear work for numbers and strings of any length', () => {
    const long = 5_000_000
    for (const text of ['1'.repeat(long), `1.${'0'.repeat(long)}`, `"${'1.0,'.repeat(long / 4)}"`]) {
      const request = parseRequest(native.markLongIntegers(`{"v":${text},"w":1.0}`))
      toU64(request['v'])
      expect(valueText(request['w'])).to.equal('1.0')
    }
    const escaped = JSON.stringify({ v: '"\\'.repeat(long / 2), w: 5 })
    expect(parseRequest(escaped.replace('5}', '1.0}'))).to.have.property('w')
  })

  it('keeps any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), value => {
        const result: unknown = JSON.parse(roundTrip(JSON.stringify(value)))
        expect(result).to.deep.equal(JSON.parse(JSON.stringify(value)))
      })
    )
  })

  it('tolerates a zero byte at the end, as upstream does', () => {
    expect(parseRequest('{"type":"x"}\0')).to.deep.equal({ type: 'x' })
  })
})

describe('fields', () => {
  const request = parseRequest(
    native.markLongIntegers(
      '{"a":1.9,"b":-1,"c":18446744073709551615,"d":true,"e":"1","f":99999999999999999999}'
    )
  )

  it('reads 64-bit values as upstream does', () => {
    expect(readId(request, 'a')).to.equal('o0000000000000001')
    expect(readId(request, 'b')).to.equal('offffffffffffffff')
    expect(readId(request, 'c')).to.equal('offffffffffffffff')
    expect(readSize(request, 'b')).to.equal(Infinity)
    expect(toU64(request['f'])).to.equal(undefined)
    for (const name of ['d', 'e', 'f', 'missing']) {
      expect(() => readId(request, name))
        .to.throw()
        .with.property('status', 1)
    }
  })
})

describe('byteOrder', () => {
  it('is the order of the UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const sign = Math.sign(byteOrder(a, b))
        expect(sign).to.equal(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      })
    )
  })
})
