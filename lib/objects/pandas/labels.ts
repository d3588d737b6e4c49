import { metadataError, jsonText } from '../fields.js'
import type { Metadata } from '../model.js'

/** A label of a column, of a series or of an index as pandas has it: any JSON value (a tuple is an array). */
export type Label = string | number | boolean | null | Label[]

/** Reads a label, which is JSON in a text. */
export function labelIn(meta: Metadata, key: string): Label {
  const label = jsonText(meta, key)
  if (isLabel(label, 0)) return label
  throw metadataError(meta, `"${key}" is not a label`)
}

function isLabel(value: unknown, depth: number): value is Label {
  if (Array.isArray(value)) return depth < 8 && value.every(part => isLabel(part, depth + 1))
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

/**
 * A label as the name of a column, which is a text: other labels as their JSON, e.g. `0`, `null`, `["a",1]`.
 */
export function nameOfLabel(label: Label): string {
  return typeof label === 'string' ? label : JSON.stringify(label)
}
