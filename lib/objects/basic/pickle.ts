import { readPickledArrow } from '../arrow/pickled-arrow.js'
import { standaloneVector } from '../arrow/vector.js'
import { BlobDraft, ObjectDraft } from '../model.js'
import type { ObjectType } from '../model.js'
import { OpaqueObject } from '../opaque.js'
import { pickledBytes } from './pickled-bytes.js'

/** Python's None in pickle protocol 5: version, None, stop. */
const none = Uint8Array.of(0x80, 0x05, 0x4e, 0x2e)

/**
 * vineyard::PickleBuffer: a Python object, pickled. Unpickling runs whatever code the bytes name, so it is
 * never done here: two forms are recognised byte by byte (None, and the Arrow array that this package
 * writes), and anything else is an OpaqueObject with the bytes.
 */
export const pickle: ObjectType = {
  typenames: ['vineyard::PickleBuffer'],

  read(meta, context) {
    const bytes = pickledBytes(meta, context)
    if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).equals(none)) return null
    const chunks = readPickledArrow(meta, bytes, context.handle)
    if (chunks !== undefined) return standaloneVector(chunks, context.handle)
    return new OpaqueObject(meta, 'it was pickled by Python, and unpickling would run code', context)
  },

  accepts: value => value === null,

  describe: () =>
    new ObjectDraft(
      'vineyard::PickleBuffer',
      { size_: none.byteLength, nbytes: none.byteLength },
      { buffer_: BlobDraft.copyOf(none) }
    )
}
