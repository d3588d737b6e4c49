import type { PackedLayout, PlacedLayout } from '../client/packed-layout.js'
import type { Draft } from '../objects/model.js'

/** How a stream type makes chunks of the values of one writer. All throw ERR_VINEYARD_TYPE. */
export interface ChunkEncoder<In> {
  /** The chunks that a value becomes, in order. */
  describe: (value: In) => readonly Draft[]
  /** The layout of a value that is one chunk of a known form, valid until the next call; undefined for any other. */
  layOut?: (value: In) => PackedLayout | undefined
  /** Where the value is, if all of it lies in a buffer that `isAllocated`. */
  placed?: (value: In, isAllocated: (buffer: ArrayBufferLike) => boolean) => PlacedLayout | undefined
  /** Whether all chunks are blobs: objects of other kinds are not taken. */
  blobsOnly?: boolean
}
