import { BlobDraft, ObjectDraft, type Draft } from '../objects/model.js'
import { stringifyJson, type JsonValue } from '../protocol/json.js'
import { blobKey, varKey } from '../protocol/template.js'
import type { ChunkTarget } from './chunk-target.js'

/** Blobs begin at multiples of this, as on a vineyardd: readers rely on aligned values. */
const alignment = 64

/** Texts that differ from chunk to chunk though their schema is the same. */
const variableTexts = new Set(['shape_', 'value_'])

/** How the blobs of a draft lie in one: what a compact chunk is made of (lib/protocol/template.ts). */
export interface CompactLayout {
  /** The text of the template. */
  text: string
  vars: JsonValue[]
  /** Offset and size of each blob. */
  spans: number[]
  blobs: BlobDraft[]
  /** Bytes of the blob that holds them all. */
  size: number
}

/** The layout of a draft, or undefined where it refers to objects that exist: a template cannot. */
export function compactLayout(draft: ObjectDraft, instanceId: number | bigint): CompactLayout | undefined {
  const layout: CompactLayout = { text: '', vars: [], spans: [], blobs: [], size: 0 }
  layout.text = writeObject(draft, layout, instanceId.toString())
  return layout.text === '' ? undefined : layout
}

function writeObject(draft: ObjectDraft, layout: CompactLayout, instanceId: string): string {
  let text = `{"typename":${JSON.stringify(draft.typename)},"instance_id":${instanceId},"global":false`
  for (const [key, value] of Object.entries(draft.fields)) {
    if (key === 'global') continue
    text += `,${JSON.stringify(key)}:${writeField(draft.typename, key, value, layout)}`
  }
  if (!('nbytes' in draft.fields)) text += ',"nbytes":0'
  for (const [key, member] of Object.entries(draft.members)) {
    const written = writeMember(member, layout, instanceId)
    if (written === '') return ''
    text += `,${JSON.stringify(key)}:${written}`
  }
  return `${text}}`
}

function writeField(typename: string, key: string, value: JsonValue, layout: CompactLayout): string {
  // A schema is the same for all chunks of a stream, its size too.
  const varies =
    (typeof value === 'number' && typename !== 'vineyard::SchemaProxy') ||
    (typeof value === 'string' && variableTexts.has(key))
  if (!varies) return stringifyJson(value)
  layout.vars.push(value)
  return `{"${varKey}":${layout.vars.length - 1}}`
}

function writeMember(member: Draft, layout: CompactLayout, instanceId: string): string {
  if (member instanceof ObjectDraft) return writeObject(member, layout, instanceId)
  if (!(member instanceof BlobDraft)) return ''
  layout.blobs.push(member)
  layout.spans.push(layout.size, member.size)
  layout.size += Math.ceil(member.size / alignment) * alignment
  return `{"${blobKey}":${layout.blobs.length - 1}}`
}

/** Writes the blobs to where they lie, from byte `base` of the target on. */
export function fillLayout({ blobs, spans }: CompactLayout, target: ChunkTarget, base: number): void {
  blobs.forEach((blob, index) => writeBlob(blob, target, base + (spans[2 * index] as number)))
}

/** Writes the bytes of a blob to byte `at` of the target. */
export function writeBlob({ size, pieces, fill }: BlobDraft, target: ChunkTarget, at: number): void {
  if (pieces === undefined) {
    if (size > 0) target.fill(at, size, fill)
    return
  }
  for (const piece of pieces) {
    target.put(at, piece)
    at += piece.length
  }
}
