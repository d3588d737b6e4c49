import type { Metadata } from '../objects/model.js'

export type Labels = Readonly<Record<string, unknown>>

/** The labels of an object. Metadata may be hostile: what is no label object counts as none. */
export function labelsOf(meta: Metadata): Labels {
  const text = meta['__labels']
  if (typeof text !== 'string') return {}
  try {
    const labels: unknown = JSON.parse(text)
    return typeof labels === 'object' && labels !== null ? (labels as Labels) : {}
  } catch {
    return {}
  }
}

/** A label's text, if it is one. */
export function labelText(labels: Labels, key: string): string | undefined {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  return typeof value === 'string' ? value : undefined
}
