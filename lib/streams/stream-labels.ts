/**
 * What the two ends of a stream on a vineyardd tell each other, and whoever comes after them, by labels of the stream's
 * object: a vineyardd notices neither that a producer has died nor that a consumer has that waits or never read.
 *
 * - `vineyard_streams.producer`, `vineyard_streams.consumer`: the identity of the end (lib/memory/identity.ts), from when
 *   it has the stream's mark on, with `/tcp` behind it where the end comes over TCP. Foreign ends have none.
 * - `vineyard_streams.producer_beat`, `…consumer_beat`: changes every second while the end lives, from when it has seen
 *   that the other one lives in another pid namespace; also where either of them comes over TCP.
 * - `vineyard_streams.notes`: the ids of the objects with the producer's notes (producer-notes.ts), separated by spaces.
 */
import type { Requester } from '../client/connection.js'
import { getData } from '../client/requests/metadata.js'
import type { Metadata } from '../objects/model.js'
import { isObjectId, type ObjectId } from '../protocol/ids.js'

/** An end of a stream. */
export type End = 'producer' | 'consumer'

export const otherEnd = { producer: 'consumer', consumer: 'producer' } as const

export const endLabel = (end: End): string => `vineyard_streams.${end}`
export const beatLabel = (end: End): string => `vineyard_streams.${end}_beat`
export const notesLabel = 'vineyard_streams.notes'

export type Labels = Readonly<Record<string, unknown>>

/** Metadata may be hostile: what is no label object counts as none. */
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

/** The labels of the streams that exist. */
export async function readLabels(
  connection: Requester,
  streams: readonly ObjectId[]
): Promise<Map<ObjectId, Labels>> {
  const metas = await getData(connection, streams)
  return new Map(metas.map(meta => [meta.id, labelsOf(meta)]))
}

/** The objects with the producer's notes. */
export function notesOf(labels: Labels): ObjectId[] {
  return (labelText(labels, notesLabel) ?? '').split(' ').filter(isObjectId)
}
