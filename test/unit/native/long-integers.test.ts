import { expect } from 'chai'
import fc from 'fast-check'
import { native } from '#dist/native.js'

describe('native markLongIntegers', () => {
  const mark = (digits: string): string => `"\\u0000n${digits}"`

  it('replaces integers beyond ±(2^53 − 1) and nothing else', () => {
    const cases: Record<string, string> = {
      '9007199254740991': '9007199254740991',
      '9007199254740992': mark('9007199254740992'),
      '-9007199254740991': '-9007199254740991',
      '-9007199254740992': mark('-9007199254740992'),
      '9999999999999999': mark('9999999999999999'),
      '8999999999999999': '8999999999999999',
      '18446744073709551615': mark('18446744073709551615'),
      '[1,-18446744073709551615 , 2]': `[1,${mark('-18446744073709551615')} , 2]`,
      '{"a":9223372036854775808}': `{"a":${mark('9223372036854775808')}}`,
      '"9223372036854775808"': '"9223372036854775808"',
      '"\\"9223372036854775808"': '"\\"9223372036854775808"',
      '["\\\\",9223372036854775808]': `["\\\\",${mark('9223372036854775808')}]`,
      '9223372036854775808.0': '9223372036854775808.0',
      '9223372036854775808e1': '9223372036854775808e1',
      '9223372036854775808E+1': '9223372036854775808E+1',
      '0.9223372036854775808': '0.9223372036854775808',
      '1e9223372036854775808': '1e9223372036854775808',
      '1e-9223372036854775808': '1e-9223372036854775808',
      '': '',
      '-': '-',
      '"': '"',
      '"\\': '"\\',
      '"é→😀 9223372036854775808"': '"é→😀 9223372036854775808"',
      '["é\ud800",9223372036854775808]': `["é\ud800",${mark('9223372036854775808')}]`
    }
    for (const [text, expected] of Object.entries(cases))
      expect(native.markLongIntegers(text)).to.equal(expected)
  })

  it('keeps every integer of any JSON exact', () => {
    const long = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n })
    const { tree } = fc.letrec(tie => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        long,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.string({ unit: 'binary' }),
        fc.string({ unit: fc.constantFrom('"', '\\', '1', '9007199254740993', ',', '-', 'u0000n') }),
        fc.boolean(),
        fc.array(tie('tree')),
        fc.dictionary(fc.string(), tie('tree'))
      )
    }))
    const write = (value: unknown): string => {
      if (typeof value === 'bigint') return value.toString()
      if (Array.isArray(value)) return `[${value.map(write).join(' , ')}]`
      if (typeof value === 'object' && value !== null) {
        return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${write(item)}`).join(',')}}` // prettier-ignore
      }
      return JSON.stringify(value)
    }
    const expected = (value: unknown): unknown => {
      if (typeof value === 'bigint') {
        return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : `\0n${value.toString()}` // prettier-ignore
      }
      if (Array.isArray(value)) return value.map(expected)
      if (typeof value === 'object' && value !== null) {
        return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expected(item)]))
      }
      // Large doubles are written as integers, and long integers they are.
      const text = JSON.stringify(value)
      return typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(text) ? `\0n${text}` : JSON.parse(text) // prettier-ignore
    }
    fc.assert(
      fc.property(tree, value => {
        expect(JSON.parse(native.markLongIntegers(write(value)))).to.deep.equal(expected(value))
      }),
      { numRuns: 2000 }
    )
  })

  it('neither breaks nor repairs malformed JSON', () => {
    const parses = (text: string): boolean => {
      try {
        JSON.parse(text)
        return true
      } catch {
        return false
      }
    }
    const piece = fc.constantFrom(
      ...[
        '9007199254740993',
        '0',
        '00',
        '-',
        '+',
        '.',
        'e',
        'E',
        '"',
        '\\',
        ',',
        ':',
        '[',
        ']',
        '{',
        '}',
        ' ',
        '\n'
      ],
      ...['null', 'u', 'é', '\0', '"a"', '1', '12345678901234567890']
    )
    fc.assert(
      fc.property(fc.string({ unit: piece, maxLength: 12 }), text => {
        expect(parses(native.markLongIntegers(text))).to.equal(parses(text))
      }),
      { numRuns: 20_000 }
    )
  })

  it('refuses what is not a string', () => {
    expect(() => native.markLongIntegers(1 as never)).to.throw(TypeError)
  })
})
