import { Data, LargeUtf8 } from 'apache-arrow'
import { bitmapOf } from './bitmap.js'

/** A column of texts. */
export function utf8Column(texts: readonly (string | null)[]): Data<LargeUtf8> {
  const sizes = texts.map(text => (text === null ? 0 : Buffer.byteLength(text)))
  const offsets = new BigInt64Array(texts.length + 1)
  const values = Buffer.allocUnsafeSlow(sizes.reduce((sum, size) => sum + size, 0))
  let end = 0
  texts.forEach((text, i) => {
    if (text !== null) end += values.write(text, end)
    offsets[i + 1] = BigInt(end)
  })
  const nullCount = texts.filter(text => text === null).length
  const valid = nullCount === 0 ? undefined : bitmapOf(texts.length, i => texts[i] !== null)
  return new Data(new LargeUtf8(), 0, texts.length, nullCount, [offsets, values, valid] as never)
}
