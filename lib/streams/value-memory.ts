import type { Data } from 'apache-arrow'
import { VineyardError } from '../errors.js'
import { isRecordBatch, isTable, isVector } from '../objects/arrow/recognise.js'

type View = NodeJS.TypedArray | DataView

/** Throws ERR_VINEYARD_RELEASED for a value whose memory has been taken away: it would pass for an empty one. */
export function checkAttached(value: unknown): void {
  eachView(value, view => {
    if (isDetached(view))
      throw new VineyardError(
        'ERR_VINEYARD_RELEASED',
        'the memory of this value is gone: it was appended before, or transferred'
      )
  })
}

/** Node 20 has no `buffer.detached`. Only a view without bytes has to be asked. */
export function isDetached(view: View): boolean {
  if (view.byteLength > 0 || view.buffer.byteLength > 0) return false
  try {
    return new Uint8Array(view.buffer).length > 0
  } catch {
    return true
  }
}

/** The buffers that a value is in, as far as `wanted`. */
export function buffersOf(value: unknown, wanted: (buffer: ArrayBufferLike) => boolean): Set<ArrayBuffer> {
  const buffers = new Set<ArrayBuffer>()
  eachView(value, ({ buffer }) => {
    if (wanted(buffer)) buffers.add(buffer as ArrayBuffer)
  })
  return buffers
}

function eachView(value: unknown, visit: (view: View) => void): void {
  if (typeof value !== 'object' || value === null) return
  if (ArrayBuffer.isView(value)) visit(value as View)
  else if (Array.isArray(value)) for (const item of value) eachView(item, visit)
  else if (isRecordBatch(value)) eachViewOfData(value.data, visit)
  else if (isTable(value)) for (const { data } of value.batches) eachViewOfData(data, visit)
  else if (isVector(value)) for (const data of value.data) eachViewOfData(data, visit)
}

function eachViewOfData(data: Data, visit: (view: View) => void): void {
  const { values, valueOffsets, nullBitmap, typeIds } = data
  for (const view of [values, valueOffsets, nullBitmap, typeIds] as (View | undefined)[])
    if (ArrayBuffer.isView(view)) visit(view)
  for (const child of data.children) eachViewOfData(child, visit)
  for (const part of data.dictionary?.data ?? []) eachViewOfData(part, visit)
}
