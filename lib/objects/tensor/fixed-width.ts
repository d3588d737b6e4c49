import { VineyardError } from '../../errors.js'
import { requireBytes } from '../arrow/array-fields.js'
import { metadataError, optional } from '../fields.js'
import { BlobDraft } from '../model.js'
import type { Metadata, ReadContext } from '../model.js'

/**
 * numpy's types of fixed-width texts: `<U3` (3 code points of 4 bytes) and `|S3` (3 bytes), padded with
 * zeroes.
 */
export interface FixedWidthType {
  code: string
  kind: 'U' | 'S'
  /** Bytes of an element. */
  width: number
  bigEndian: boolean
}

/** The type of a tensor of fixed-width texts, which only `value_type_meta_` says; undefined for others. */
export function fixedWidthType(meta: Metadata): FixedWidthType | undefined {
  const code = optional(meta, 'value_type_meta_')
  const parts = typeof code === 'string' ? /^([<>|=])([US])(\d{1,9})$/.exec(code) : null
  if (parts === null) return undefined
  const kind = parts[2] as 'U' | 'S'
  const width = Number(parts[3]) * (kind === 'U' ? 4 : 1)
  return { code: parts[0], kind, width, bigEndian: parts[1] === '>' }
}

/** Code points that a dtype of fixed-width texts has room for, as `<U3` has for 3; undefined for other dtypes. */
export function widthOfTexts(dtype: string | undefined): number | undefined {
  const parts = /^[<>|=]U(\d{1,9})$/.exec(dtype ?? '')
  return parts === null ? undefined : Number(parts[1])
}

/** Elements without their padding: texts for `U`, byte strings for `S`. */
export function readFixedWidth(
  meta: Metadata,
  context: ReadContext,
  { kind, width, bigEndian }: FixedWidthType,
  length: number
): (string | Buffer)[] {
  if (length === 0) return []
  if (width === 0) throw metadataError(meta, 'texts without a width')
  const bytes = context.blob(meta, 'buffer_')
  requireBytes(meta, 'buffer_', bytes, length * width)
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, length * width)
  return Array.from({ length }, (_, i) => {
    const element = source.subarray(i * width, (i + 1) * width)
    return kind === 'S' ? Buffer.from(withoutPadding(element)) : decodeUcs4(meta, element, bigEndian)
  })
}

function withoutPadding(element: Buffer): Buffer {
  let end = element.length
  while (end > 0 && element[end - 1] === 0) end -= 1
  return element.subarray(0, end)
}

function decodeUcs4(meta: Metadata, element: Buffer, bigEndian: boolean): string {
  let text = ''
  let padding = 0
  for (let at = 0; at < element.length; at += 4) {
    const codePoint = bigEndian ? element.readUInt32BE(at) : element.readUInt32LE(at)
    if (codePoint > 0x10ffff) throw metadataError(meta, '"buffer_" has no text')
    if (codePoint === 0) {
      padding += 1
      continue
    }
    text += '\0'.repeat(padding) + String.fromCodePoint(codePoint)
    padding = 0
  }
  return text
}

/**
 * Texts as `<U…`: at least `least` code points each, and as many as the widest has. Returns the type's names and the blob.
 * Refuses null, which it cannot hold.
 */
export function encodeUcs4(
  texts: readonly (string | null)[],
  least = 1
): {
  bits: number
  code: string
  buffer: BlobDraft
} {
  const codePoints = texts.map((text, i) => {
    if (text !== null) return Array.from(text, char => char.codePointAt(0) as number)
    throw new VineyardError(
      'ERR_VINEYARD_TYPE',
      `element ${i}: null has no place in a tensor of more dimensions`
    )
  })
  const width = codePoints.reduce((most, points) => Math.max(most, points.length), Math.max(1, least))
  const buffer = new BlobDraft(texts.length * width * 4, target => {
    target.fill(0)
    const view = new DataView(target.buffer, target.byteOffset, target.byteLength)
    codePoints.forEach((points, i) =>
      points.forEach((point, j) => view.setUint32((i * width + j) * 4, point, true))
    )
  })
  return { bits: width * 32, code: `<U${width}`, buffer }
}
