import { integer } from '../fields.js'
import type { Metadata, ReadContext } from '../model.js'

/** The bytes of a PickleBuffer. The pickle ends where `size_` says, whatever the blob holds behind it. */
export function pickledBytes(meta: Metadata, context: ReadContext): Uint8Array {
  const blob = context.blob(meta, 'buffer_')
  return blob.subarray(0, integer(meta, 'size_', 0, blob.byteLength))
}
