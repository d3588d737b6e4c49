import { types } from 'node:util'
import { attachLease } from '../../memory/lease.js'
import { BlobDraft } from '../model.js'
import type { ObjectType } from '../model.js'
import { bytesOfBlob } from '../opaque.js'

/**
 * vineyard::Blob: bytes. Read as a Buffer; made from a Buffer, an ArrayBuffer (shared or not) or a DataView.
 * Other typed arrays, a Uint8Array that is no Buffer among them, are tensors.
 */
export const blob: ObjectType = {
  typenames: ['vineyard::Blob', 'vineyard::RemoteBlob'],

  read(meta, context) {
    const bytes = bytesOfBlob(context, meta)
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return context.handle === undefined || bytes.byteLength === 0
      ? buffer
      : attachLease(buffer, context.handle)
  },

  accepts: value => Buffer.isBuffer(value) || types.isAnyArrayBuffer(value) || types.isDataView(value),

  describe: value => BlobDraft.copyOf(value as ArrayBufferView | ArrayBufferLike)
}
