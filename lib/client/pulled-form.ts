import { VineyardError } from '../errors.js'
import { isObjectId, looksLikeId, type ObjectId } from '../protocol/ids.js'
import type { JsonValue } from '../protocol/json.js'
import type { ChunkForm } from './chunk-form.js'

/** A chunk in a reply to a pull, in one of the forms that lib/protocol/extension.ts lists. */
export type PulledForm =
  | ObjectId
  | [id: ObjectId, template: number, offset: number, size: number]
  | [id: ObjectId, template: number, offset: number, size: number, blob: ObjectId]
  | [
      id: ObjectId,
      template: number,
      vars: JsonValue[],
      spans: number[],
      blob: ObjectId,
      offset: number,
      size: number
    ]

/**
 * A chunk as the server wrote it, if it is one: any server can say that it speaks the extension. `forms` are those of the
 * templates that the server has told so far. This runs for every chunk, so ids that only go back to the server are looked
 * at in passing.
 */
export function pulledForm(chunk: JsonValue, forms: readonly ChunkForm[]): PulledForm {
  if (typeof chunk === 'string') {
    if (isObjectId(chunk)) return chunk
  } else if (Array.isArray(chunk) && looksLikeId(chunk[0]) && isTemplate(chunk[1], forms)) {
    const { length } = chunk
    if (length === 7 ? isValues(chunk, forms) : isPacked(chunk)) return chunk as PulledForm
  }
  throw new VineyardError('ERR_VINEYARD_PROTOCOL', 'the server sent a chunk in no known form')
}

/** -1 stands for a blob. */
function isTemplate(value: unknown, forms: readonly ChunkForm[]): boolean {
  return isPlace(value, forms.length - 1) || value === -1
}

function isPacked(chunk: JsonValue[]): boolean {
  const { length } = chunk
  return (length === 4 || (length === 5 && looksLikeId(chunk[4]))) && isPlace(chunk[2]) && isPlace(chunk[3])
}

function isValues(chunk: JsonValue[], forms: readonly ChunkForm[]): boolean {
  const [, form, vars, spans, blob, offset, size] = chunk
  const template = forms[form as number]?.template
  return (
    Array.isArray(vars) &&
    vars.length === template?.vars &&
    Array.isArray(spans) &&
    spans.length === 2 * template.blobs &&
    spans.every(span => isPlace(span)) &&
    looksLikeId(blob) &&
    isPlace(offset) &&
    isPlace(size)
  )
}

function isPlace(value: unknown, limit = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= limit
}
