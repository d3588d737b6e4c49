import { Flatbuffer, messageKind } from './flatbuffer.js'

/** Where the numbers of a record batch's message stand. All are int64; the pairs of a vector have 16 bytes. */
export interface BatchNumbers {
  /** Rows; undefined where the message leaves a zero out. */
  rows: number | undefined
  /** Bytes of the body; undefined where the message leaves a zero out. */
  bodyLength: number | undefined
  /** Length and count of nulls of each column. */
  nodes: { start: number; length: number }
  /** Offset in the body and size of each buffer. */
  buffers: { start: number; length: number }
}

/**
 * Finds the numbers in the metadata of a message, all within it. Undefined for anything but a record batch whose body is not
 * compressed, which has no metadata of its own and whose columns have a fixed number of buffers. Throws IpcError for what is damaged.
 */
export function batchNumbers(metadata: Uint8Array): BatchNumbers | undefined {
  const buffer = new Flatbuffer(metadata)
  // Message { version, header_type, header, bodyLength, custom_metadata }
  const message = buffer.root()
  if (buffer.uint8(message, 1) !== messageKind.recordBatch) return undefined
  if (buffer.vectorField(message, 4, 4).length > 0) return undefined
  const batch = buffer.child(message, 2)
  if (batch === undefined) return undefined
  // RecordBatch { length, nodes, buffers, compression, variadicBufferCounts }
  if (buffer.child(batch, 3) !== undefined || buffer.vectorField(batch, 4, 8).length > 0) return undefined
  return {
    rows: buffer.field(batch, 0, 8),
    bodyLength: buffer.field(message, 3, 8),
    nodes: buffer.vectorField(batch, 1, 16),
    buffers: buffer.vectorField(batch, 2, 16)
  }
}
