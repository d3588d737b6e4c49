import type { Metadata, ReadContext } from '../model.js'
import { OpaqueObject } from '../opaque.js'
import { NotAColumn } from './column-type.js'

/** Runs `read`; where a part has no Arrow form, the whole is an OpaqueObject that says which part. */
export function opaqueIfPickled<T>(meta: Metadata, context: ReadContext, read: () => T): T | OpaqueObject {
  try {
    return read()
  } catch (error) {
    if (error instanceof NotAColumn) return new OpaqueObject(meta, error.message, context)
    throw error
  }
}
