/**
 * The unscaled integer of a decimal number in text, e.g. -1234n for '-12.34' with 2 places; undefined if it
 * is not one.
 */
export function parseDecimal(text: string, scale: number): bigint | undefined {
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text)
  if (parts === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts
  if (whole === '' && fraction === '') return undefined
  const shift = scale - fraction.length + Number(exponent)
  const digits = whole + fraction
  // Digits past the scale have to be zeroes.
  if (shift < 0 && !/^0*$/.test(digits.slice(shift))) return undefined
  const unscaled = shift < 0 ? BigInt(digits.slice(0, shift) || '0') : BigInt(digits) * 10n ** BigInt(shift)
  return sign === '-' ? -unscaled : unscaled
}
