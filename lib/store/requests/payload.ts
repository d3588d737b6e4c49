import type { Blob } from '../blob.js'
import type { Engine } from '../engine.js'

/** A mapping begins here in the addresses that payloads name; no IPC client uses them, but 0 means none. */
const base = 2 ** 32

/** The decimal ids of the two blobs that are in no table. */
export const emptyBlobDecimal = '9223372036854775808'
export const poolDecimal = '18446744073709551615'

/** The payload of a blob; undefined stands for the empty blob. Keys in the order upstream has them. */
export function payloadText(blob: Blob | undefined, engine: Engine, sealed = blob?.sealed): string {
  if (!blob) return emptyPayload
  return (
    `{"data_offset":${blob.offset},"data_size":${blob.size},"is_gpu":false,"is_owner":true,` +
    `"is_sealed":${sealed},"map_size":${engine.blobs.limit + 8},"object_id":${blob.decimal},` +
    `"pointer":${base + blob.offset},"store_fd":${engine.poolFd}}`
  )
}

export const emptyPayload =
  '{"data_offset":0,"data_size":0,"is_gpu":false,"is_owner":true,"is_sealed":false,' +
  `"map_size":0,"object_id":${emptyBlobDecimal},"pointer":0,"store_fd":-1}`

/** The whole pool as one blob. */
export function poolPayload(engine: Engine): string {
  const size = engine.blobs.limit
  return (
    `{"data_offset":0,"data_size":${size},"is_gpu":false,"is_owner":true,"is_sealed":true,` +
    `"map_size":${size + 8},"object_id":${poolDecimal},"pointer":${base},"store_fd":${engine.poolFd}}`
  )
}
