import { expect } from 'chai'
import fc from 'fast-check'
import { parseJson, quoteText, stringifyJson } from '#dist/protocol/json.js'

const text = fc
  .array(
    fc.oneof(fc.constantFrom('\\', '"', 'u', 'ud800', '\n', '\u{1f600}'), fc.nat(0xffff).map(unit), half())
  )
  .map(parts => parts.join(''))

function unit(code: number): string {
  return String.fromCharCode(code)
}

function half(): fc.Arbitrary<string> {
  return fc.integer({ min: 0xd800, max: 0xdfff }).map(unit)
}

/** With U+FFFD for each half of a surrogate pair. */
function wellFormed(odd: string): string {
  return Buffer.from(odd).toString()
}

describe('JSON that is sent', () => {
  it('has U+FFFD for half a surrogate pair, and everything else as it is', () => {
    fc.assert(
      fc.property(text, text, (key, value) => {
        expect(parseJson(quoteText(value))).to.equal(wellFormed(value))
        const sent = stringifyJson({ [key]: [value, 2n ** 60n] })
        expect(Object.entries(parseJson(sent) as object)).to.deep.equal([
          [wellFormed(key), [wellFormed(value), 2n ** 60n]]
        ])
      })
    )
  })

  it('has a backslash in front of `ud800` as the text it is', () => {
    expect(stringifyJson(['\\ud800', '\ud800', '\\\ud800'])).to.equal('["\\\\ud800","\ufffd","\\\\\ufffd"]')
  })
})
